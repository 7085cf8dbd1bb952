package sesclient

// The SQS queue that SES's events come through.
//
// One receiver asks with a long poll. While it gets full answers it has others
// help, up to pullers. What they bring is taken in batches of whatever waits,
// up to a thousand, and deleted when it is on disk. A message that is not
// deleted comes again when its visibility runs out, and does no harm.

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"pabal/eml"
	"pabal/spool"
)

const (
	pullers      = 8   // receivers at most, and as many that delete
	perCall      = 10  // messages of one call; SQS's own limit
	longPoll     = 20  // seconds, SQS's longest
	visibility   = 120 // seconds a message is ours
	callPatience = (longPoll + 15) * time.Second
	queueWaiting = spool.MaxBatch // messages received and not taken yet
	measureEvery = time.Minute
	deleteTries  = 3
	deleteGrace  = 3 * time.Second // to delete what was taken when the daemon stops
)

// queue is one SQS queue.
type queue struct {
	client *Client
	api    *sqs.Client
	url    string
}

// received is a message with what it says.
type received struct {
	receipt string
	event   Event
}

func (c *Client) newQueue(queueURL string) (*queue, error) {
	endpoint, region, err := queuePlace(queueURL)
	if err != nil {
		return nil, err
	}
	base, ok := c.config.HTTPClient.(*awshttp.BuildableClient)
	if !ok {
		base = awshttp.NewBuildableClient()
	}
	web, err := httpClient(base, c.rootPEM, c.dial)
	if err != nil {
		return nil, err
	}
	api := sqs.NewFromConfig(c.config, func(o *sqs.Options) {
		o.HTTPClient, o.BaseEndpoint = web, aws.String(endpoint)
		o.Retryer, o.RetryMaxAttempts, o.RetryMode = aws.NopRetryer{}, 0, "" // the loop waits by itself
		if region != "" {
			o.Region = region
		}
	})
	return &queue{client: c, api: api, url: queueURL}, nil
}

// call makes one call with credentials that are there.
func (q *queue) call(ctx context.Context, do func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, callPatience)
	defer cancel()
	if _, err := q.client.credentials.Retrieve(ctx); err != nil {
		return &credentialsError{err}
	}
	return do(ctx)
}

// pull receives, takes and deletes until ctx ends.
func (f *Feedback) pull(ctx context.Context) {
	arrived := make(chan received, queueWaiting)
	done := make(chan []string, pullers) // receipts to delete, at most perCall each
	busy := make(chan struct{}, pullers-1)
	var receivers, deleters sync.WaitGroup
	receivers.Go(func() { f.receiveAll(ctx, arrived, busy, true) })
	for range pullers - 1 {
		receivers.Go(func() { f.receiveAll(ctx, arrived, busy, false) })
	}
	// What was taken is deleted, also when ctx ends meanwhile; what is not comes
	// again.
	patient, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(deleteGrace, stop) })()
	for range pullers {
		deleters.Go(func() { f.deleteAll(patient, done) })
	}
	f.takeAll(ctx, arrived, done)
	receivers.Wait()
	close(done)
	deleters.Wait()
}

// receiveAll is one receiver. The first asks always; the others while it wakes
// them, and as long as their own answers are full.
func (f *Feedback) receiveAll(ctx context.Context, arrived chan<- received, busy chan struct{}, first bool) {
	var b backoff
	for ctx.Err() == nil {
		if !first {
			select {
			case <-busy:
			case <-ctx.Done():
				return
			}
		}
		for full := true; full && ctx.Err() == nil; {
			n, err := f.receive(ctx, arrived, first)
			if ctx.Err() != nil {
				return
			}
			f.answered(ofQueue, err)
			if err != nil {
				b.wait(ctx)
				break
			}
			b.reset()
			if full = n == perCall; full && first {
				wakeAll(busy)
			}
		}
	}
}

// wakeAll lets every receiver that sleeps help.
func wakeAll(busy chan<- struct{}) {
	for range cap(busy) {
		select {
		case busy <- struct{}{}:
		default:
			return
		}
	}
}

// receive asks once and hands on what came; n is how many messages that were.
func (f *Feedback) receive(ctx context.Context, arrived chan<- received, patient bool) (n int, err error) {
	wait := int32(0)
	if patient {
		wait = longPoll
	}
	var out *sqs.ReceiveMessageOutput
	err = f.queue.call(ctx, func(ctx context.Context) (err error) {
		out, err = f.queue.api.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: &f.queue.url, MaxNumberOfMessages: perCall,
			WaitTimeSeconds: wait, VisibilityTimeout: visibility})
		return err
	})
	if err != nil {
		return 0, sourceProblem("the queue of SES's events does not answer", err)
	}
	for _, m := range out.Messages {
		e, err := ParseEvent([]byte(aws.ToString(m.Body)))
		if err != nil {
			f.garbage(m)
			continue
		}
		select {
		case arrived <- received{aws.ToString(m.ReceiptHandle), e}:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
	return len(out.Messages), nil
}

// garbage counts a message that is no event of SES. It is left alone: the queue
// may be somebody else's, and has a queue for dead letters if it is ours.
func (f *Feedback) garbage(m types.Message) {
	f.mu.Lock()
	f.status.Garbage++
	f.mu.Unlock()
	f.log.Warn("message of the queue is no event of SES", "sqs_message", eml.Visible(eml.Cut(aws.ToString(m.MessageId), 100)), "bytes", len(aws.ToString(m.Body)))
}

// takeAll takes what waits, as much at once as there is, until ctx ends. What
// alone cannot be written, while others can, is left to the queue: it comes
// again, and goes to the dead letters in the end.
func (f *Feedback) takeAll(ctx context.Context, arrived <-chan received, done chan<- []string) {
	var b backoff
	for {
		var batch []received
		select {
		case first := <-arrived:
			batch = gather(arrived, []received{first})
		case <-ctx.Done():
			return
		}
		for {
			taken, err := f.take(ctx, batch)
			f.answered(ofStore, err)
			finish(taken, done)
			if err == nil || len(taken) > 0 {
				break
			}
			if !b.wait(ctx) {
				return
			}
			batch = gather(arrived, batch)
		}
		b.reset()
	}
}

// finish has the messages deleted.
func finish(batch []received, done chan<- []string) {
	for some := range slices.Chunk(batch, perCall) {
		receipts := make([]string, 0, len(some))
		for _, r := range some {
			receipts = append(receipts, r.receipt)
		}
		done <- receipts
	}
}

// gather adds what has arrived to a batch.
func gather(arrived <-chan received, batch []received) []received {
	for len(batch) < spool.MaxBatch {
		select {
		case r := <-arrived:
			batch = append(batch, r)
		default:
			return batch
		}
	}
	return batch
}

// take hands a batch on and returns what of it is on disk. One that fails is
// halved, so that an address whose record is damaged keeps back nobody else's
// news; the error is about what is left.
func (f *Feedback) take(ctx context.Context, batch []received) (taken []received, err error) {
	if err = f.write(ctx, batch); err == nil {
		return batch, nil
	}
	if len(batch) == 1 || errors.Is(err, spool.ErrFull) || errors.Is(err, spool.ErrBroken) {
		return nil, &eml.Problem{What: "feedback could not be written: " + err.Error(), Hint: "look at the disk and the log, and try: pabal check; it stays in the queue and is read again", Err: err}
	}
	half := len(batch) / 2
	first, err := f.take(ctx, batch[:half])
	second, failed := f.take(ctx, batch[half:])
	return slices.Concat(first, second), cmp.Or(err, failed)
}

// write returns when a batch is on disk.
func (f *Feedback) write(ctx context.Context, batch []received) (err error) {
	events := make([]Event, 0, len(batch))
	var other, foreign int64
	for _, r := range batch {
		switch {
		case r.event.Other:
			other++
		case r.event.Foreign:
			foreign++
		default:
			events = append(events, r.event)
		}
	}
	var result spool.FeedbackResult
	if len(events) > 0 {
		// What was begun is finished: it is soon over.
		if result, err = f.taker.TakeEvents(context.WithoutCancel(ctx), events); err != nil {
			return err
		}
	}
	result.Foreign += foreign
	f.took(ofQueue, events, result)
	f.mu.Lock()
	f.status.Other += other
	f.status.Events += foreign + other
	f.mu.Unlock()
	return nil
}

// deleteAll deletes what was taken. What cannot be deleted comes again.
func (f *Feedback) deleteAll(ctx context.Context, done <-chan []string) {
	for receipts := range done {
		for range deleteTries {
			left, err := f.queue.delete(ctx, receipts)
			if err != nil {
				f.answered(ofDeletes, sourceProblem("what was read of the queue could not be deleted", err))
			} else {
				f.answered(ofDeletes, nil)
			}
			if receipts = left; len(receipts) == 0 {
				break
			}
		}
	}
}

// delete deletes messages and returns those that are still there.
func (q *queue) delete(ctx context.Context, receipts []string) (left []string, err error) {
	entries := make([]types.DeleteMessageBatchRequestEntry, len(receipts))
	for i := range receipts {
		entries[i] = types.DeleteMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), ReceiptHandle: &receipts[i]}
	}
	var out *sqs.DeleteMessageBatchOutput
	err = q.call(ctx, func(ctx context.Context) (err error) {
		out, err = q.api.DeleteMessageBatch(ctx, &sqs.DeleteMessageBatchInput{QueueUrl: &q.url, Entries: entries})
		return err
	})
	if err != nil {
		return receipts, err
	}
	for _, failed := range out.Failed {
		i, err := strconv.Atoi(aws.ToString(failed.Id))
		if err == nil && i >= 0 && i < len(receipts) && !failed.SenderFault { // its own fault: the receipt is of yesterday
			left = append(left, receipts[i])
		}
	}
	return left, nil
}

// measure asks how much waits in the queue, for status.
func (f *Feedback) measure(ctx context.Context) {
	for ctx.Err() == nil {
		var out *sqs.GetQueueAttributesOutput
		err := f.queue.call(ctx, func(ctx context.Context) (err error) {
			out, err = f.queue.api.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: &f.queue.url,
				AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameApproximateNumberOfMessages}})
			return err
		})
		waiting := int64(-1)
		if err == nil {
			if n, err := strconv.ParseInt(out.Attributes[string(types.QueueAttributeNameApproximateNumberOfMessages)], 10, 64); err == nil {
				waiting = n
			}
		}
		f.mu.Lock()
		f.status.Waiting = waiting
		f.mu.Unlock()
		if pause(ctx, time.Now().Add(measureEvery)) != nil {
			return
		}
	}
}
