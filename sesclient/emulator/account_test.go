package emulator

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sesv2"
	"github.com/aws/aws-sdk-go-v2/service/sesv2/types"
)

func TestGetAccountOfEachKind(t *testing.T) {
	for name, x := range map[string]struct {
		o           Options
		rate, quota float64
		production  bool
	}{
		"zero":      {Options{}, 14, 50_000, true},
		"sandbox":   {Options{Sandbox: true}, 1, 200, false},
		"given":     {Options{Rate: 0.5, Quota: 7, Sandbox: true}, 0.5, 7, false},
		"unlimited": {Options{Rate: -1, Quota: -1}, unlimitedRate, -1, true},
	} {
		_, c := local(t, x.o)
		out, err := c.GetAccount(context.Background(), &sesv2.GetAccountInput{})
		if err != nil {
			t.Fatal(err)
		}
		q := out.SendQuota
		if q.MaxSendRate != x.rate || q.Max24HourSend != x.quota || q.SentLast24Hours != 0 || !out.SendingEnabled ||
			out.ProductionAccessEnabled != x.production || *out.EnforcementStatus != "HEALTHY" ||
			len(out.SuppressionAttributes.SuppressedReasons) != 2 || out.PricingAttributes.CurrentPlan != types.PricingPlanEssentials {
			t.Errorf("%s: account %+v, quota %+v", name, out, q)
		}
	}
}

func TestIdentityFromCreationToVerified(t *testing.T) {
	s, c := pair(t, Options{Verified: []string{}})
	ctx := context.Background()
	made, err := c.CreateEmailIdentity(ctx, &sesv2.CreateEmailIdentityInput{EmailIdentity: ptr("Example.com")})
	if err != nil {
		t.Fatal(err)
	}
	d := made.DkimAttributes
	if made.IdentityType != types.IdentityTypeDomain || made.VerifiedForSendingStatus || len(d.Tokens) != 3 || len(d.Tokens[0]) != 32 ||
		*d.SigningHostedZone != "dkim.ap-northeast-2.amazonses.com" || d.Status != types.DkimStatusPending {
		t.Fatalf("made %+v, DKIM %+v", made, d)
	}
	_, err = c.CreateEmailIdentity(ctx, &sesv2.CreateEmailIdentityInput{EmailIdentity: ptr("example.com")})
	wantCode(t, err, "AlreadyExistsException", "example.com")
	_, err = c.CreateEmailIdentity(ctx, &sesv2.CreateEmailIdentityInput{EmailIdentity: ptr("nodot")})
	wantCode(t, err, "BadRequestException", "no dot")
	_, err = send(t, c, raw(mailText, "a@example.net"))
	wantCode(t, err, "MessageRejected", "shop@example.com")

	_, err = c.PutEmailIdentityMailFromAttributes(ctx, &sesv2.PutEmailIdentityMailFromAttributesInput{
		EmailIdentity: ptr("example.com"), MailFromDomain: ptr("other.org")})
	wantCode(t, err, "BadRequestException", "not subdomain")
	if _, err = c.PutEmailIdentityMailFromAttributes(ctx, &sesv2.PutEmailIdentityMailFromAttributesInput{
		EmailIdentity: ptr("example.com"), MailFromDomain: ptr("mail.example.com"),
		BehaviorOnMxFailure: types.BehaviorOnMxFailureRejectMessage}); err != nil {
		t.Fatal(err)
	}
	get := func() *sesv2.GetEmailIdentityOutput {
		out, err := c.GetEmailIdentity(ctx, &sesv2.GetEmailIdentityInput{EmailIdentity: ptr("example.com")})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	if out := get(); out.VerificationStatus != types.VerificationStatusPending || *out.MailFromAttributes.MailFromDomain != "mail.example.com" ||
		out.MailFromAttributes.MailFromDomainStatus != types.MailFromDomainStatusPending ||
		out.MailFromAttributes.BehaviorOnMxFailure != types.BehaviorOnMxFailureRejectMessage {
		t.Errorf("pending: %+v %+v", out, out.MailFromAttributes)
	}
	s.Verify("example.com", true)
	if out := get(); !out.VerifiedForSendingStatus || out.DkimAttributes.Status != types.DkimStatusSuccess ||
		out.MailFromAttributes.MailFromDomainStatus != types.MailFromDomainStatusSuccess ||
		!slices.Equal(out.DkimAttributes.Tokens, d.Tokens) || out.VerificationInfo.LastCheckedTimestamp == nil {
		t.Errorf("verified: %+v", out)
	}
	mustSend(t, c, raw(mailText, "a@example.net"))
	if _, err := c.DeleteEmailIdentity(ctx, &sesv2.DeleteEmailIdentityInput{EmailIdentity: ptr("example.com")}); err != nil {
		t.Fatal(err)
	}
	_, err = c.GetEmailIdentity(ctx, &sesv2.GetEmailIdentityInput{EmailIdentity: ptr("example.com")})
	wantCode(t, err, "NotFoundException", "example.com")
}

func TestAddressIdentityWithAnyFrom(t *testing.T) {
	_, c := pair(t, Options{})
	ctx := context.Background()
	out, err := c.GetEmailIdentity(ctx, &sesv2.GetEmailIdentityInput{EmailIdentity: ptr("anyone@example.com")})
	if err != nil || !out.VerifiedForSendingStatus || out.IdentityType != types.IdentityTypeEmailAddress {
		t.Fatalf("identity %+v, %v", out, err)
	}
	mustSend(t, c, raw(mailText, "a@example.net"))
	if _, err = c.CreateEmailIdentity(ctx, &sesv2.CreateEmailIdentityInput{EmailIdentity: ptr("shop@example.com")}); err != nil {
		t.Fatal(err)
	}
	_, err = send(t, c, raw(mailText, "a@example.net"))
	wantCode(t, err, "MessageRejected", "shop@example.com") // made, so it must be verified
}

func TestIdentitiesComeInPages(t *testing.T) {
	names := []string{"a.example", "b.example", "c.example", "d@e.example", "f.example"}
	_, c := pair(t, Options{Verified: names})
	var got []string
	pages := sesv2.NewListEmailIdentitiesPaginator(c, &sesv2.ListEmailIdentitiesInput{PageSize: ptr(int32(2))})
	n := 0
	for pages.HasMorePages() {
		out, err := pages.NextPage(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		for _, id := range out.EmailIdentities {
			got = append(got, *id.IdentityName)
			if !id.SendingEnabled || id.VerificationStatus != types.VerificationStatusSuccess {
				t.Errorf("identity %+v", id)
			}
		}
		n++
	}
	if n != 3 || !slices.Equal(got, names) {
		t.Errorf("%d pages: %v", n, got)
	}
	_, err := c.ListEmailIdentities(context.Background(), &sesv2.ListEmailIdentitiesInput{NextToken: ptr("***")})
	wantCode(t, err, "InvalidNextTokenException", "")
}

func TestConfigurationSets(t *testing.T) {
	_, c := pair(t, Options{})
	ctx := context.Background()
	in := raw(mailText, "a@example.net")
	in.ConfigurationSetName = ptr("any")
	mustSend(t, c, in)
	if _, err := c.CreateConfigurationSet(ctx, &sesv2.CreateConfigurationSetInput{ConfigurationSetName: ptr("main")}); err != nil {
		t.Fatal(err)
	}
	_, err := c.CreateConfigurationSet(ctx, &sesv2.CreateConfigurationSetInput{ConfigurationSetName: ptr("main")})
	wantCode(t, err, "AlreadyExistsException", "main")
	_, err = send(t, c, in)
	wantCode(t, err, "NotFoundException", "any")
	list, err := c.ListConfigurationSets(ctx, &sesv2.ListConfigurationSetsInput{})
	if err != nil || !slices.Equal(list.ConfigurationSets, []string{"main"}) {
		t.Errorf("list %v, %v", list, err)
	}
	one, err := c.GetConfigurationSet(ctx, &sesv2.GetConfigurationSetInput{ConfigurationSetName: ptr("main")})
	if err != nil || *one.ConfigurationSetName != "main" || !one.SendingOptions.SendingEnabled {
		t.Errorf("set %+v, %v", one, err)
	}
	if _, err := c.DeleteConfigurationSet(ctx, &sesv2.DeleteConfigurationSetInput{ConfigurationSetName: ptr("main")}); err != nil {
		t.Fatal(err)
	}
	_, err = c.GetConfigurationSet(ctx, &sesv2.GetConfigurationSetInput{ConfigurationSetName: ptr("main")})
	wantCode(t, err, "NotFoundException", "main")
}

func TestSuppressionList(t *testing.T) {
	k := newClock()
	s, c := local(t, Options{Now: k.now})
	ctx := context.Background()
	if _, err := c.PutSuppressedDestination(ctx, &sesv2.PutSuppressedDestinationInput{
		EmailAddress: ptr("a+b@example.net"), Reason: types.SuppressionListReasonComplaint}); err != nil {
		t.Fatal(err)
	}
	k.add(time.Hour)
	s.Suppress("c@example.net", "BOUNCE", "0100-x")
	got, err := c.GetSuppressedDestination(ctx, &sesv2.GetSuppressedDestinationInput{EmailAddress: ptr("C@example.net")})
	if err != nil || *got.SuppressedDestination.Attributes.MessageId != "0100-x" || !got.SuppressedDestination.LastUpdateTime.Equal(k.at) {
		t.Errorf("entry %+v, %v", got, err)
	}
	list := func(in sesv2.ListSuppressedDestinationsInput) string {
		out, err := c.ListSuppressedDestinations(ctx, &in)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, e := range out.SuppressedDestinationSummaries {
			names = append(names, *e.EmailAddress+" "+string(e.Reason))
		}
		return strings.Join(names, ",")
	}
	for _, x := range []struct {
		in   sesv2.ListSuppressedDestinationsInput
		want string
	}{
		{sesv2.ListSuppressedDestinationsInput{}, "a+b@example.net COMPLAINT,c@example.net BOUNCE"},
		{sesv2.ListSuppressedDestinationsInput{PageSize: ptr(int32(1))}, "a+b@example.net COMPLAINT"},
		{sesv2.ListSuppressedDestinationsInput{StartDate: ptr(k.at.Add(-time.Minute))}, "c@example.net BOUNCE"},
		{sesv2.ListSuppressedDestinationsInput{EndDate: ptr(k.at.Add(-time.Minute))}, "a+b@example.net COMPLAINT"},
		{sesv2.ListSuppressedDestinationsInput{Reasons: []types.SuppressionListReason{"BOUNCE"}}, "c@example.net BOUNCE"},
		{sesv2.ListSuppressedDestinationsInput{Reasons: []types.SuppressionListReason{"BOUNCE", "COMPLAINT"}}, "a+b@example.net COMPLAINT,c@example.net BOUNCE"},
	} {
		if got := list(x.in); got != x.want {
			t.Errorf("list %+v is %q, want %q", x.in, got, x.want)
		}
	}
	if _, err := c.DeleteSuppressedDestination(ctx, &sesv2.DeleteSuppressedDestinationInput{EmailAddress: ptr("a+b@example.net")}); err != nil {
		t.Fatal(err)
	}
	_, err = c.GetSuppressedDestination(ctx, &sesv2.GetSuppressedDestinationInput{EmailAddress: ptr("a+b@example.net")})
	wantCode(t, err, "NotFoundException", "a+b@example.net")
	s.SetAccount(Account{Sandbox: ptr(true)})
	_, err = c.PutSuppressedDestination(ctx, &sesv2.PutSuppressedDestinationInput{EmailAddress: ptr("a@example.net"), Reason: "BOUNCE"})
	wantCode(t, err, "BadRequestException", "sandbox")
}

func TestTemplatesAreKeptAndCallsCounted(t *testing.T) {
	s, c := pair(t, Options{})
	ctx := context.Background()
	content := &types.EmailTemplateContent{Subject: ptr("안녕 {{Name}}"), Html: ptr("<p>{{Body}}</p>")}
	if _, err := c.CreateEmailTemplate(ctx, &sesv2.CreateEmailTemplateInput{TemplateName: ptr("welcome"), TemplateContent: content}); err != nil {
		t.Fatal(err)
	}
	_, err := c.CreateEmailTemplate(ctx, &sesv2.CreateEmailTemplateInput{TemplateName: ptr("welcome"), TemplateContent: content})
	wantCode(t, err, "AlreadyExistsException", "welcome")
	content.Text = ptr("글")
	if _, err := c.UpdateEmailTemplate(ctx, &sesv2.UpdateEmailTemplateInput{TemplateName: ptr("welcome"), TemplateContent: content}); err != nil {
		t.Fatal(err)
	}
	got, err := c.GetEmailTemplate(ctx, &sesv2.GetEmailTemplateInput{TemplateName: ptr("welcome")})
	if err != nil || *got.TemplateContent.Subject != "안녕 {{Name}}" || *got.TemplateContent.Text != "글" {
		t.Errorf("template %+v, %v", got, err)
	}
	list, err := c.ListEmailTemplates(ctx, &sesv2.ListEmailTemplatesInput{})
	if err != nil || len(list.TemplatesMetadata) != 1 || list.TemplatesMetadata[0].CreatedTimestamp == nil {
		t.Errorf("list %+v, %v", list, err)
	}
	if _, err := c.DeleteEmailTemplate(ctx, &sesv2.DeleteEmailTemplateInput{TemplateName: ptr("welcome")}); err != nil {
		t.Fatal(err)
	}
	_, err = c.GetEmailTemplate(ctx, &sesv2.GetEmailTemplateInput{TemplateName: ptr("welcome")})
	wantCode(t, err, "NotFoundException", "welcome")
	if s.Calls("GetEmailTemplate") != 2 {
		t.Errorf("%d GetEmailTemplate calls counted, want 2", s.Calls("GetEmailTemplate"))
	}
}

func TestUnknownOperationSaysSo(t *testing.T) {
	s, c := pair(t, Options{})
	_, err := c.ListContactLists(context.Background(), &sesv2.ListContactListsInput{})
	wantCode(t, err, "UnknownOperationException", "GET /v2/email/contact-lists")
	wantStatus(t, err, 404)
	if s.Calls("Unknown") != 1 {
		t.Errorf("%d unknown calls counted", s.Calls("Unknown"))
	}
}
