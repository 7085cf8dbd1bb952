package sesclient

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"pabal/eml"
)

const (
	// forever is what a file whose name is its hash may be kept: a year, the
	// longest that caches heed (RFC 9111 5.2.2.1).
	forever        = "public, max-age=31536000, immutable"
	bucketPatience = 30 * time.Second // and the time its bytes take
)

// BucketOptions say where a bucket is.
type BucketOptions struct {
	Name     string
	Region   string // "" means the client's
	Endpoint string // "" is AWS; else a base URL (the emulator, or another S3-compatible server)
}

// Bucket puts images where the recipients of letters load them. Each is put
// once: what is there under its name, which is its hash, is the same. Its methods
// may be called at the same time.
type Bucket struct {
	client *Client
	api    *s3.Client
	name   string
}

// NewBucket makes no call. It returns an error for an endpoint that is no URL.
func (c *Client) NewBucket(o BucketOptions) (*Bucket, error) {
	if err := checkEndpoint(o.Endpoint); err != nil {
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
	api := s3.NewFromConfig(c.config, func(s *s3.Options) {
		s.HTTPClient = web
		s.Retryer, s.RetryMaxAttempts, s.RetryMode = aws.NopRetryer{}, 0, ""
		// The checksums the SDK adds by itself are not understood by all others
		// who speak S3.
		s.RequestChecksumCalculation, s.ResponseChecksumValidation = aws.RequestChecksumCalculationWhenRequired, aws.ResponseChecksumValidationWhenRequired
		if o.Region != "" {
			s.Region = o.Region
		}
		if o.Endpoint != "" {
			s.BaseEndpoint, s.UsePathStyle = aws.String(o.Endpoint), true
		}
	})
	return &Bucket{client: c, api: api, name: o.Name}, nil
}

// Put puts a file into the bucket unless it is there already, to be kept by
// caches for ever. It returns an *eml.Problem.
func (b *Bucket) Put(ctx context.Context, name, contentType string, data []byte) error {
	ctx, cancel := context.WithTimeout(ctx, bucketPatience+time.Duration(len(data))*time.Second/callBytesPerSecond)
	defer cancel()
	if _, err := b.client.credentials.Retrieve(ctx); err != nil {
		return b.problem("the AWS credentials could not be had", err)
	}
	head, err := b.api.HeadObject(ctx, &s3.HeadObjectInput{Bucket: aws.String(b.name), Key: aws.String(name)})
	if err == nil && aws.ToInt64(head.ContentLength) == int64(len(data)) {
		return nil
	}
	// Without s3:ListBucket S3 answers 403 for what is not there.
	if status := httpStatus(err); err != nil && status != http.StatusNotFound && status != http.StatusForbidden {
		return b.problem("the bucket "+b.name+" did not answer", err)
	}
	_, err = b.api.PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String(b.name), Key: aws.String(name), Body: bytes.NewReader(data),
		ContentType: aws.String(contentType), CacheControl: aws.String(forever), ContentLength: aws.Int64(int64(len(data)))})
	if err != nil {
		return b.problem("the bucket "+b.name+" did not take an image", err)
	}
	return nil
}

// httpStatus is the status of an answer that an error holds, 0 for none.
func httpStatus(err error) int {
	var answer *awshttp.ResponseError
	if errors.As(err, &answer) {
		return answer.HTTPStatusCode()
	}
	return 0
}

func (b *Bucket) problem(what string, err error) error {
	return &eml.Problem{What: what + ": " + eml.Visible(err.Error()),
		Hint: "see [images] in the configuration: the bucket must exist and these credentials be allowed s3:PutObject and s3:GetObject in it", Err: err}
}
