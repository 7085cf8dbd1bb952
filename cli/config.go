package cli

import (
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"pabal/alarm"
	"pabal/campaign"
	"pabal/smtpd"
	"pabal/spool"
)

// systemConfig is where an installed pabal has its configuration. Where this
// file is, no daemon is ever run inside another command.
const systemConfig = "/etc/pabal/pabal.toml"

// systemSocket is the control socket of an installed pabal.
const systemSocket = "/run/pabal/control.sock"

// Config is the whole configuration, a section a struct. Keys are as in the
// file; each can be set as PABAL_SECTION_KEY in the environment.
type Config struct {
	DataDir    string          `toml:"data_dir"`    // everything pabal keeps: the one folder to back up; relative to the file's folder
	Language   string          `toml:"language"`    // of screens: ko, en, or auto: from LC_ALL, LC_MESSAGES, LANG
	BodyMemory Size            `toml:"body_memory"` // bodies in memory, intake and drain together
	Control    ControlConfig   `toml:"control"`
	SMTP       SMTPConfig      `toml:"smtp"`
	Failures   FailuresConfig  `toml:"failures"`
	Alert      AlertConfig     `toml:"alert"`
	Log        LogConfig       `toml:"log"`
	SES        SESConfig       `toml:"ses"`
	Lanes      LanesConfig     `toml:"lanes"`
	Campaign   CampaignConfig  `toml:"campaign"`
	Brake      BrakeConfig     `toml:"brake"`
	MySQL      MySQLConfig     `toml:"mysql"`
	Import     ImportConfig    `toml:"import"`
	Web        WebConfig       `toml:"web"`
	Images     ImagesConfig    `toml:"images"`
	Feedback   FeedbackConfig  `toml:"feedback"`
	Preflight  PreflightConfig `toml:"preflight"`
	DNS        DNSConfig       `toml:"dns"`
	Retention  RetentionConfig `toml:"retention"`
	Topics     Topics          `toml:"topic"` // kinds of mail people can switch off; none: a campaign's topic is a free word

	Routes Routes `toml:"route"` // rules for applications' mail; the first that matches counts

	logging *logging // of serve; nil: the level stays as it is

	mysqlDSN string            // from the environment; no setting, so that nothing shows it
	aws      map[string]string // keys of AWS by their variables, from the files that the environment names

	from *origin // where each value came from, for messages
}

// ControlConfig is the socket commands and screens use.
type ControlConfig struct {
	Socket string `toml:"socket"` // made 0660 in a 0750 folder; relative to the file's folder
}

// SMTPConfig is the listener for applications on this host.
type SMTPConfig struct {
	Listen         []string `toml:"listen"`              // host:port; port 0 takes any; beyond loopback only with networks, or TLS and users
	TLSListen      []string `toml:"tls_listen"`          // the same with TLS from the start
	TLSCertificate string   `toml:"tls_certificate"`     // PEM file, "self-signed", or "": no TLS; relative to the file's folder
	TLSKey         string   `toml:"tls_key"`             // PEM file
	UsersFile      string   `toml:"users_file"`          // who may log in; "" is smtp-users in data_dir
	Networks       []string `toml:"networks"`            // who may submit without a login where others than this host reach us
	SubmitSocket   string   `toml:"submit_socket"`       // any user of this host may submit there; auto: see submitSocket; "" for none
	Drop           string   `toml:"drop"`                // folder where sendmail leaves mail while there is no daemon; auto: see dropFolder; "" for none
	SubmitRate     int      `toml:"submit_rate"`         // mails a minute of one user by submit_socket and drop; 0: any number
	Aliases        string   `toml:"aliases"`             // file in the format of aliases(5): who gets the mail of root; "" for none
	UnverifiedFrom string   `toml:"unverified_from"`     // a From header SES may not send for: refuse, or rewrite to default_from
	DefaultFrom    string   `toml:"default_from"`        // mailbox: sender of mails that name none, and of rewritten ones; "" for none
	QualifyDomain  string   `toml:"qualify_domain"`      // of names without one: root, www-data@localhost; "": of From, and none for recipients
	AllowHeaders   []string `toml:"allow_headers"`       // X-SES- fields that applications may set; others are removed
	MaxMessageSize Size     `toml:"max_message_size"`    // up to 30 MB: SES takes 40 MB counted in base64
	MaxRecipients  int      `toml:"max_recipients"`      // of one mail
	MaxConnections int      `toml:"max_connections"`     // open at the same time; more get 421
	MaxPerSource   int      `toml:"max_per_source"`      // of them from one address that is not this host
	MaxRate        int      `toml:"max_connection_rate"` // new ones a minute from one address that is not this host
}

// SESConfig is the account. Credentials come from the SDK's default chain.
type SESConfig struct {
	Region           string  `toml:"region"`
	Endpoint         string  `toml:"endpoint"` // "" is AWS; else the emulator or another SES-compatible server
	ConfigurationSet string  `toml:"configuration_set"`
	RateShare        float64 `toml:"rate_share"`  // share of the account's rate aimed at
	Concurrency      int     `toml:"concurrency"` // calls open at once; 0: from rate × measured call time
}

// LanesConfig shares the account out between legacy mail and campaigns.
type LanesConfig struct {
	TransactionalRateShare    float64 `toml:"transactional_rate_share"`
	TransactionalQuotaReserve float64 `toml:"transactional_quota_reserve"`
	BulkUnknown               string  `toml:"bulk_unknown"`          // after a lost answer: leave (never twice) or resend
	TransactionalUnknown      string  `toml:"transactional_unknown"` // the same for legacy mail
}

// CampaignConfig is what campaigns have in common.
type CampaignConfig struct {
	From         string  `toml:"from"`     // mailbox: 상호 <shop@example.com>
	ReplyTo      string  `toml:"reply_to"` // mailbox; "" leaves the field out
	Timezone     string  `toml:"timezone"` // of dates in segments and of plans
	Company      string  `toml:"company"`
	Address      string  `toml:"address"`
	Phone        string  `toml:"phone"`
	PricePer1000 float64 `toml:"price_per_1000"` // USD for 1,000 recipients; 0: by the pricing plan that SES names
}

// BrakeConfig is when feedback pauses a campaign that has no brake of its own.
type BrakeConfig struct {
	BouncePercent    float64 `toml:"bounce_percent"`    // hard bounces; 0: never
	ComplaintPercent float64 `toml:"complaint_percent"` // 0: never
	First            int     `toml:"first"`             // mails at the beginning looked at together; 0: not
	Window           int     `toml:"window"`            // mails in a row looked at together, wherever; 0: not
	Minimum          int     `toml:"minimum"`           // fewer bounces or complaints never trip it
}

// MySQLConfig is the source of customers, if dsn_file or PABAL_MYSQL_DSN is set.
type MySQLConfig struct {
	DSNFile          string       `toml:"dsn_file"` // mode 0600; user:password@tcp(host:3306)/database
	CAFile           string       `toml:"ca_file"`  // "" means the system's authorities
	Every            Duration     `toml:"every"`
	At               string       `toml:"at"` // "03:00" in place of every
	Table            string       `toml:"table"`
	Query            string       `toml:"query"` // a SELECT in place of the table
	Where            string       `toml:"where"`
	Attributes       []string     `toml:"attributes"` // name=column
	SubscribedYes    []string     `toml:"subscribed_yes"`
	Overlap          Duration     `toml:"overlap"`          // a row may be committed so much later than its updated_at
	MaxAgeAtStart    Duration     `toml:"max_age_at_start"` // of the last good sync when a campaign starts
	TrustResubscribe bool         `toml:"trust_resubscribe"`
	Columns          MySQLColumns `toml:"columns"`
}

// MySQLColumns names the columns of the table.
type MySQLColumns struct {
	ID         string `toml:"id"`
	Email      string `toml:"email"`
	Name       string `toml:"name"`
	Gender     string `toml:"gender"`
	CreatedAt  string `toml:"created_at"`
	UpdatedAt  string `toml:"updated_at"`
	Subscribed string `toml:"subscribed"`
	ConsentAt  string `toml:"consent_at"`
	DeletedAt  string `toml:"deleted_at"`
}

// ImportConfig is where people put files to import.
type ImportConfig struct {
	Inbox string `toml:"inbox"` // folder on this host; "" is inbox in data_dir; relative to the file's folder
	SCP   string `toml:"scp"`   // user@host shown for scp; "" means whoever asks and this host's name
}

// WebConfig is what recipients and monitoring reach.
type WebConfig struct {
	Listen         string   `toml:"listen"`          // host:port behind your HTTPS proxy, or with a certificate
	TLSCertificate string   `toml:"tls_certificate"` // of listen: PEM file, "self-signed", or "": no TLS; relative to the file's folder
	TLSKey         string   `toml:"tls_key"`         // PEM file
	Proxies        []string `toml:"proxies"`         // networks whose X-Forwarded-For is believed, besides this host's
	PublicURL      string   `toml:"public_url"`      // how recipients reach it: https://mail.example.com
	MetricsListen  string   `toml:"metrics_listen"`  // host:port; "" for none
	ViewDays       int      `toml:"view_days"`       // a letter with {{ViewURL}} can be seen in a browser so long after it was sent; 0: not at all
}

// ImagesConfig is how recipients get the images of letters.
type ImagesConfig struct {
	Mode       string `toml:"mode"`        // web: from web.public_url; s3: from a bucket; inline: in every mail
	MaxSize    Size   `toml:"max_size"`    // of one image; preflight blocks larger ones
	S3Bucket   string `toml:"s3_bucket"`   // its name
	S3Region   string `toml:"s3_region"`   // "" is ses.region
	S3Endpoint string `toml:"s3_endpoint"` // "" is AWS; else another S3-compatible server
	PublicURL  string `toml:"public_url"`  // where recipients find the bucket's files; "" is the bucket's own address
}

// FeedbackConfig is how SES's word on what became of mails is read.
type FeedbackConfig struct {
	SQSQueueURL     string   `toml:"sqs_queue_url"`    // of the queue SES's events come through; "" for none
	SuppressionPoll Duration `toml:"suppression_poll"` // between two looks at the account's suppression list; 0s for never
}

// defaults are the values without a file. For root they are the system's
// places, for anybody else the folders of the XDG base directory specification.
func defaults() *Config {
	return &Config{
		DataDir: defaultDataDir(), Language: "auto", BodyMemory: 64 << 20,
		Control: ControlConfig{Socket: defaultSocket()},
		SMTP: SMTPConfig{Listen: []string{"127.0.0.1:2525", "[::1]:2525"}, SubmitSocket: automatic, Drop: automatic, SubmitRate: 600, Aliases: "/etc/aliases",
			TLSListen: []string{}, Networks: []string{}, UnverifiedFrom: string(smtpd.RefuseFrom), AllowHeaders: []string{}, MaxMessageSize: 10 << 20, MaxRecipients: 1000,
			MaxConnections: 300, MaxPerSource: 50, MaxRate: 600},
		Failures: FailuresConfig{Report: smtpd.FailuresDigest, Every: Duration(time.Hour)},
		Alert:    AlertConfig{WebhookFormat: alarm.FormatJSON, MailTo: []string{}, After: Duration(time.Minute), Repeat: Duration(24 * time.Hour)},
		Log:      LogConfig{Level: "info"},
		SES:      SESConfig{Region: "ap-northeast-2", RateShare: 0.9},
		Lanes: LanesConfig{TransactionalRateShare: 0.1, TransactionalQuotaReserve: 0.05,
			BulkUnknown: "leave", TransactionalUnknown: "resend"},
		Campaign: CampaignConfig{Timezone: "Asia/Seoul"},
		Brake:    BrakeConfig(spool.UsualBrake()),
		MySQL: MySQLConfig{Every: Duration(10 * time.Minute), Table: "users", MaxAgeAtStart: Duration(time.Hour), Overlap: Duration(5 * time.Minute),
			Attributes:    []string{},
			SubscribedYes: []string{"true", "1", "Y", "yes", "동의"},
			Columns: MySQLColumns{ID: "id", Email: "email", Name: "name", Gender: "gender",
				CreatedAt: "created_at", UpdatedAt: "updated_at", Subscribed: "subscribed"}},
		Topics:    Topics{},
		Routes:    Routes{},
		Preflight: PreflightConfig{AdLabel: "(광고)", Night: "21:00-08:00", ConsentYears: 2, SuppressedShare: 0.05},
		Retention: RetentionConfig{HistoryDays: 90, TextsDays: 30, FilesDays: 90, At: "04:00"},
		Web:       WebConfig{Listen: "127.0.0.1:8080", Proxies: []string{}, MetricsListen: "127.0.0.1:9252", ViewDays: 90},
		Images:    ImagesConfig{Mode: campaign.ImagesWeb, MaxSize: 1 << 20},
		Feedback:  FeedbackConfig{SuppressionPoll: Duration(5 * time.Minute)},
	}
}

func defaultDataDir() string {
	if os.Geteuid() == 0 {
		return "/var/lib/pabal"
	}
	return filepath.Join(xdg("XDG_STATE_HOME", ".local/state"), "pabal")
}

// defaultSocket is the system's where it is there, or pabal is installed: a
// person who logs in to the host uses the daemon of the host, and sendmail its
// drop folder, though neither may look into the folders of both.
func defaultSocket() string {
	if _, err := os.Stat(systemSocket); os.Geteuid() == 0 || err == nil || installed() {
		return systemSocket
	}
	if dir := os.Getenv("XDG_RUNTIME_DIR"); dir != "" {
		return filepath.Join(dir, "pabal", "control.sock")
	}
	return filepath.Join(defaultDataDir(), "run", "control.sock")
}

func defaultConfigPath() string {
	if os.Geteuid() == 0 {
		return systemConfig
	}
	own := filepath.Join(xdg("XDG_CONFIG_HOME", ".config"), "pabal", "pabal.toml")
	if _, err := os.Stat(own); err != nil {
		if f, err := os.Open(systemConfig); err == nil { // readable for members of the group
			_ = f.Close()
			return systemConfig
		}
	}
	return own
}

func xdg(name, fallback string) string {
	if dir := os.Getenv(name); filepath.IsAbs(dir) {
		return dir
	}
	home, err := os.UserHomeDir()
	if err != nil {
		home = os.TempDir()
	}
	return filepath.Join(home, fallback)
}

// zone is the campaign time zone; load has checked that there is one.
func (c *Config) zone() *time.Location {
	zone, err := time.LoadLocation(c.Campaign.Timezone)
	if err != nil {
		return time.FixedZone("Asia/Seoul", 9*60*60)
	}
	return zone
}

// brake is the configured one as campaigns take it.
func (c *Config) brake() *spool.Brake {
	b := spool.Brake(c.Brake)
	return &b
}

// inbox is the folder that files to import are put into.
func (c *Config) inbox() string {
	if c.Import.Inbox == "" {
		return filepath.Join(c.DataDir, "inbox")
	}
	return c.Import.Inbox
}

// smtpListen is where SMTP is offered. A host without IPv6 is no fault of the
// configuration as long as nobody asked for [::1].
func (c *Config) smtpListen() []string {
	if c.from.set("smtp.listen") || hasIPv6() {
		return c.SMTP.Listen
	}
	return slices.DeleteFunc(slices.Clone(c.SMTP.Listen), func(address string) bool { return strings.HasPrefix(address, "[") })
}

func hasIPv6() bool {
	l, err := net.Listen("tcp6", "[::1]:0")
	return err == nil && l.Close() == nil
}
