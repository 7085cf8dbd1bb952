package cli

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"pabal/campaign"
	"pabal/control"
	"pabal/eml"
)

// attach sends files to the daemon, for a campaign to name.
func attach(ctx context.Context, c *control.Client, paths []string) ([]campaign.Attachment, error) {
	var all []campaign.Attachment
	for _, path := range paths {
		a, err := attachOne(ctx, c, path)
		if err != nil {
			return nil, err
		}
		all = append(all, a)
	}
	return all, nil
}

func attachOne(ctx context.Context, c *control.Client, path string) (campaign.Attachment, error) {
	f, err := os.Open(path)
	if err != nil {
		return campaign.Attachment{}, &eml.Problem{What: "the attachment cannot be read: " + err.Error(), Hint: "check the name and the permissions", Err: err}
	}
	defer f.Close() // only read
	info, err := f.Stat()
	switch {
	case err == nil && info.IsDir():
		return campaign.Attachment{}, &eml.Problem{What: path + " is a folder", Hint: "attach its files one by one, or as a zip file"}
	case err == nil && info.Size() > campaign.MaxAttached:
		return campaign.Attachment{}, &eml.Problem{What: fmt.Sprintf("%s has more than %d MB", path, campaign.MaxAttached>>20), Hint: "put it on a web server and link to it"}
	}
	return c.PutFile(ctx, filepath.Base(path), f)
}

func describeAttachments(r *report, all []campaign.Attachment) {
	for _, a := range all {
		r.pair("attachment", a.Name+", "+commas(a.Bytes)+" bytes")
	}
}
