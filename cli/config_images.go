package cli

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"pabal/campaign"
	"pabal/sesclient"
)

// bucketName is what S3 takes (S3 User Guide, "Bucket naming rules").
var bucketName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)

func (c *Config) imageRules() []rule {
	i := c.Images
	s3 := i.Mode == campaign.ImagesS3
	return []rule{
		{"images.mode", slices.Contains([]string{campaign.ImagesWeb, campaign.ImagesS3, campaign.ImagesInline}, i.Mode), fmt.Sprintf("is %q", i.Mode), "web, s3 or inline"},
		{"images.max_size", i.MaxSize >= 1<<10 && i.MaxSize <= campaign.MaxImage, "must be between 1KB and 5MB", "1MB is much for an image in a mail"},
		{"images.s3_bucket", !s3 || i.S3Bucket != "", "is empty", `images.mode = "s3" needs one: s3_bucket = "shop-mail-images"`},
		{"images.s3_bucket", i.S3Bucket == "" || bucketName.MatchString(i.S3Bucket), fmt.Sprintf("%q is not the name of a bucket", i.S3Bucket), `for example s3_bucket = "shop-mail-images"`},
		{"images.s3_endpoint", i.S3Endpoint == "" || isBaseURL(i.S3Endpoint), fmt.Sprintf("%q is not a URL", i.S3Endpoint), `"" for AWS, or for example "http://127.0.0.1:9000"`},
		{"images.public_url", i.PublicURL == "" || isBaseURL(i.PublicURL), fmt.Sprintf("%q is not the address of a site", i.PublicURL), `for example public_url = "https://img.example.com"`},
		{"images.public_url", !s3 || c.sesOnLoopback() || i.PublicURL == "" || strings.HasPrefix(i.PublicURL, "https://"), "is not https", "mail programs show images of https addresses only"},
	}
}

// imageSettings is the part campaigns need.
func (c *Config) imageSettings() campaign.ImageSettings {
	i := c.Images
	base := i.PublicURL
	switch {
	case base != "":
	case i.S3Endpoint != "":
		base = strings.TrimRight(i.S3Endpoint, "/") + "/" + i.S3Bucket
	default:
		base = "https://" + i.S3Bucket + ".s3." + c.bucketRegion() + ".amazonaws.com"
	}
	return campaign.ImageSettings{Mode: i.Mode, BaseURL: strings.TrimRight(base, "/"), Max: int64(i.MaxSize)}
}

func (c *Config) bucketRegion() string {
	if c.Images.S3Region != "" {
		return c.Images.S3Region
	}
	return c.SES.Region
}

// imageHost is the bucket for images; nil where none is used.
func (d *daemon) imageHost() (campaign.ImageHost, error) {
	i := d.cfg.Images
	if i.Mode != campaign.ImagesS3 {
		return nil, nil
	}
	return d.ses.NewBucket(sesclient.BucketOptions{Name: i.S3Bucket, Region: d.cfg.bucketRegion(), Endpoint: i.S3Endpoint})
}
