package sesclient

import (
	"context"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"
	"github.com/aws/aws-sdk-go-v2/service/sesv2/types"

	"pabal/eml"
	"pabal/spool"
)

// SES allows one call a second of everything but sends, for the whole account
// (SES Developer Guide, "Service quotas"): others may have taken this one's.
const (
	storedTries = 4
	storedRest  = 1100 * time.Millisecond
)

// StoredTemplate asks SES for a template that is stored there: one call of
// GetEmailTemplate, made again only if SES says that calls come too fast. It
// returns an *eml.Problem for a name that is not there.
func (c *Client) StoredTemplate(ctx context.Context, name string) (subject, html, text string, err error) {
	if name == "" {
		return "", "", "", &eml.Problem{What: "the template has no name", Hint: "see the names with: aws sesv2 list-email-templates"}
	}
	out, err := c.askTemplate(ctx, name)
	for try := 1; try < storedTries && tooFast(err) && pause(ctx, time.Now().Add(storedRest)) == nil; try++ {
		out, err = c.askTemplate(ctx, name)
	}
	var missing *types.NotFoundException
	switch {
	case errors.As(err, &missing):
		return "", "", "", &eml.Problem{What: "SES stores no template called " + eml.Visible(name) + " in " + c.region, Hint: "see the names with: aws sesv2 list-email-templates --region " + c.region, Err: err}
	case err != nil:
		return "", "", "", &eml.Problem{What: "SES did not give the template: " + classify(err, nil, c.set).Text,
			Hint: "see that these credentials are allowed ses:GetEmailTemplate, then try again", Err: err}
	case out.TemplateContent == nil:
		return "", "", "", &eml.Problem{What: "SES gave the template " + eml.Visible(name) + " without its content", Hint: "try again"}
	}
	t := out.TemplateContent
	return aws.ToString(t.Subject), aws.ToString(t.Html), aws.ToString(t.Text), nil
}

func (c *Client) askTemplate(ctx context.Context, name string) (out *sesv2.GetEmailTemplateOutput, err error) {
	err = c.call(ctx, apiLimit, func(ctx context.Context) (err error) {
		out, err = c.api.GetEmailTemplate(ctx, &sesv2.GetEmailTemplateInput{TemplateName: aws.String(name)})
		return err
	})
	return out, err
}

func tooFast(err error) bool {
	e := classify(err, nil, "")
	return e != nil && e.Class == spool.Rate
}
