package sesclient

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"
	"github.com/aws/aws-sdk-go-v2/service/sesv2/types"

	"pabal/eml"
)

// StoredTemplate asks SES for a template that is stored there: one call of
// GetEmailTemplate, which SES allows once a second. It returns an *eml.Problem
// for a name that is not there.
func (c *Client) StoredTemplate(ctx context.Context, name string) (subject, html, text string, err error) {
	if name == "" {
		return "", "", "", &eml.Problem{What: "the template has no name", Hint: "see the names with: aws sesv2 list-email-templates"}
	}
	var out *sesv2.GetEmailTemplateOutput
	err = c.call(ctx, apiLimit, func(ctx context.Context) (err error) {
		out, err = c.api.GetEmailTemplate(ctx, &sesv2.GetEmailTemplateInput{TemplateName: aws.String(name)})
		return err
	})
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
