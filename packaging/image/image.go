package main

import (
	"strconv"
	"time"
)

// Media types of the OCI image specification 1.1.
const (
	typeLayer    = "application/vnd.oci.image.layer.v1.tar+gzip"
	typeConfig   = "application/vnd.oci.image.config.v1+json"
	typeManifest = "application/vnd.oci.image.manifest.v1+json"
	typeIndex    = "application/vnd.oci.image.index.v1+json"
)

// descriptor points at a blob.
type descriptor struct {
	MediaType   string            `json:"mediaType"`
	Digest      string            `json:"digest"`
	Size        int64             `json:"size"`
	Platform    *platform         `json:"platform,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

type platform struct {
	Architecture string `json:"architecture"`
	OS           string `json:"os"`
}

type manifest struct {
	SchemaVersion int               `json:"schemaVersion"`
	MediaType     string            `json:"mediaType"`
	Config        descriptor        `json:"config"`
	Layers        []descriptor      `json:"layers"`
	Annotations   map[string]string `json:"annotations,omitempty"`
}

type index struct {
	SchemaVersion int          `json:"schemaVersion"`
	MediaType     string       `json:"mediaType"`
	Manifests     []descriptor `json:"manifests"`
}

type imageConfig struct {
	Created      string    `json:"created"`
	Architecture string    `json:"architecture"`
	OS           string    `json:"os"`
	Config       settings  `json:"config"`
	RootFS       diffs     `json:"rootfs"`
	History      []history `json:"history"`
}

type diffs struct {
	Type    string   `json:"type"`
	DiffIDs []string `json:"diff_ids"`
}

type history struct {
	Created   string `json:"created"`
	CreatedBy string `json:"created_by"`
}

// settings is how a container of the image runs.
type settings struct {
	User         string              `json:"User"`
	ExposedPorts map[string]struct{} `json:"ExposedPorts"`
	Env          []string            `json:"Env"`
	Entrypoint   []string            `json:"Entrypoint"`
	Cmd          []string            `json:"Cmd"`
	Volumes      map[string]struct{} `json:"Volumes"`
	WorkingDir   string              `json:"WorkingDir"`
	Labels       map[string]string   `json:"Labels"`
	StopSignal   string              `json:"StopSignal"`
	Healthcheck  healthcheck         `json:"Healthcheck"` // Docker's; engines that know OCI only leave it out
}

// healthcheck is Docker's; times are nanoseconds.
type healthcheck struct {
	Test        []string      `json:"Test"`
	Interval    time.Duration `json:"Interval"`
	Timeout     time.Duration `json:"Timeout"`
	StartPeriod time.Duration `json:"StartPeriod"`
	Retries     int           `json:"Retries"`
}

// running is how a container runs, but for the labels. The folders of the XDG
// specification make pabal's defaults those of an installed one, /etc/pabal/pabal.toml,
// /var/lib/pabal and /run/pabal/control.sock, and give way to the file and to
// PABAL_… as any default. There is nobody in the container who would call sendmail.
func running() settings {
	return settings{
		User:         userID() + ":" + userID(),
		ExposedPorts: map[string]struct{}{"2525/tcp": {}, "8080/tcp": {}, "9252/tcp": {}},
		Env: []string{"PATH=/usr/bin", "HOME=" + dataFolder, "XDG_CONFIG_HOME=/etc", "XDG_STATE_HOME=/var/lib", "XDG_RUNTIME_DIR=/run",
			"PABAL_SMTP_SUBMIT_SOCKET=", "PABAL_SMTP_DROP="},
		Entrypoint: []string{"/usr/bin/pabal"},
		Cmd:        []string{"serve"},
		Volumes:    map[string]struct{}{dataFolder: {}},
		WorkingDir: "/",
		StopSignal: "SIGTERM",
		// A store that was not closed well is walked before it is opened.
		Healthcheck: healthcheck{Test: []string{"CMD", "/usr/bin/pabal", "healthcheck"},
			Interval: 30 * time.Second, Timeout: 10 * time.Second, StartPeriod: 5 * time.Minute, Retries: 3},
	}
}

func userID() string { return strconv.Itoa(user) }

// labels say what the image is, in the words of the OCI annotations.
func labels(b build) map[string]string {
	all := map[string]string{
		"title":       "pabal",
		"description": "Sends a company's mail through Amazon SES, and knows what became of every single one",
		"vendor":      "pabal authors",
		"licenses":    "MIT",
		"version":     b.version,
		"created":     b.epoch.Format(time.RFC3339),
	}
	if b.revision != "" {
		all["revision"] = b.revision
	}
	out := map[string]string{}
	for name, text := range all {
		out["org.opencontainers.image."+name] = text
	}
	return out
}
