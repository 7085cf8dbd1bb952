package cli

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"
)

// setupTemplate is the CloudFormation template, which is valid JSON (a test
// reads it) and has no secrets.
//
//go:embed feedback_setup.json
var setupTemplate string

// setup is what `pabal feedback setup --json` prints.
type setup struct {
	Template json.RawMessage `json:"template"` // of CloudFormation
	Steps    []string        `json:"steps"`
}

func (a *app) feedbackSetup() *cobra.Command {
	return a.command("setup", "Print what to make in AWS so that pabal hears what became of its mails",
		"pabal feedback setup > pabal-feedback.json\npabal feedback setup --json", func(context.Context, []string) error {
			lang := a.language(&Config{Language: "auto"})
			if cfg, err := a.config(); err == nil {
				lang = a.language(cfg)
			}
			steps := setupSteps(lang)
			if a.json {
				return writeJSON(a.stdout, setup{json.RawMessage(setupTemplate), steps})
			}
			if _, err := fmt.Fprint(a.stdout, setupTemplate); err != nil {
				return fmt.Errorf("write the template: %w", err)
			}
			for i, step := range steps { // for a person: the template itself goes into a file
				fmt.Fprintf(a.stderr, "%d. %s\n", i+1, step)
			}
			return nil
		})
}

func setupSteps(lang string) []string {
	if lang == "ko" {
		return []string{
			"템플릿을 파일로 저장합니다: pabal feedback setup > pabal-feedback.json",
			"SES와 같은 리전에 스택을 만듭니다: aws cloudformation deploy --stack-name pabal-feedback --template-file pabal-feedback.json --capabilities CAPABILITY_IAM (열람과 클릭도 세려면 --parameter-overrides TrackOpensAndClicks=yes)",
			"출력값을 봅니다: aws cloudformation describe-stacks --stack-name pabal-feedback --query 'Stacks[0].Outputs'",
			"출력의 Policy를 pabal이 쓰는 역할이나 사용자에 붙입니다.",
			"pabal.toml에 적습니다: [ses] configuration_set = ConfigurationSet 값, [feedback] sqs_queue_url = QueueUrl 값",
			"pabal을 다시 시작하고 시뮬레이터 주소로 시험 메일을 보냅니다: pabal campaign test ID --to success@simulator.amazonses.com",
			"1분 안에 delivered가 보이면 된 것입니다: pabal feedback status, pabal trace success@simulator.amazonses.com",
		}
	}
	return []string{
		"Save the template: pabal feedback setup > pabal-feedback.json",
		"Make the stack, in the region of SES: aws cloudformation deploy --stack-name pabal-feedback --template-file pabal-feedback.json --capabilities CAPABILITY_IAM (to count opens and clicks too: --parameter-overrides TrackOpensAndClicks=yes)",
		"See what it made: aws cloudformation describe-stacks --stack-name pabal-feedback --query 'Stacks[0].Outputs'",
		"Attach the output Policy to the role or user whose credentials pabal has.",
		"Write into pabal.toml: [ses] configuration_set = the output ConfigurationSet, [feedback] sqs_queue_url = the output QueueUrl",
		"Restart pabal and send a mail to SES's simulator: pabal campaign test ID --to success@simulator.amazonses.com",
		"It works when it is delivered within a minute: pabal feedback status, pabal trace success@simulator.amazonses.com",
	}
}
