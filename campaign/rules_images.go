package campaign

import (
	"context"
	"strings"

	"pabal/eml"
)

// imageFault is something wrong with one image of a letter.
type imageFault struct {
	rule  string
	name  string
	bytes int64
}

// imageFaults are the images of a letter that are missing, damaged or too large.
func (s *Store) imageFaults(l *letter) []imageFault {
	var all []imageFault
	for _, i := range l.images {
		if !i.Missing {
			if _, err := s.file(i.Hash); err != nil {
				i.Missing = true
			}
		}
		switch most := s.Settings.Images.Max; {
		case i.Missing:
			all = append(all, imageFault{RuleImageMissing, i.Name, 0})
		case most > 0 && i.Bytes > most:
			all = append(all, imageFault{RuleImageLarge, i.Name, i.Bytes})
		}
	}
	return all
}

// judgeImages looks at the letter's images and hands them to their host, so
// that a start does not find out too late that it cannot.
func (in *inspection) judgeImages(ctx context.Context) error {
	for _, fault := range in.store.imageFaults(in.def.letter) {
		f := in.found(fault.rule, Block, "size", kilobytes(fault.bytes), "most", kilobytes(in.store.Settings.Images.Max))
		f.Name, f.Count = eml.Visible(fault.name), fault.bytes
	}
	in.judgeAddresses()
	err := in.store.publish(ctx, in.def.letter)
	if err == nil || ended(ctx, err) {
		return err
	}
	if f := in.found(RuleImageUnhosted, Block, in.store.saidBy(err)...); f.Data["hint"] != "" {
		f.Case = "hint"
	}
	return nil
}

// judgeAddresses looks at the addresses of images that are not the template's
// own, whichever condition they stand in.
func (in *inspection) judgeAddresses() {
	var wrong, inside tally
	for _, p := range in.pages() {
		for i := range p.images {
			image := &p.images[i]
			switch p.judgeImage(image, in.def.common) {
			case "data":
				inside.add(p.place(image.at) + " " + cutText(image.what))
			case "address":
				wrong.add(p.place(image.at) + " " + cutText(image.what))
			}
		}
	}
	if wrong.n > 0 {
		in.tallied(RuleImageMissing, Block, &wrong).Case = "address"
	}
	if inside.n > 0 {
		in.tallied(RuleImageMissing, Warn, &inside).Case = "data"
	}
}

// judgeImage is what is wrong with an image's address: "address" for one where
// nobody can load it, "data" for one that holds the image, "" for nothing.
func (p *sheet) judgeImage(i *pageImage, c *common) string {
	address, whole, open := p.resolve(i.marked, i.marks, c)
	address = strings.TrimSpace(address)
	switch {
	case open || whole != "" && address == "":
		return "" // every person's value is looked at
	case p.value == "" && len(i.marks) == 0 && imageName(address) != "":
		return "" // the template's own
	case len(address) > 5 && strings.EqualFold(address[:5], "data:"):
		return "data"
	case len(address) > 4 && strings.EqualFold(address[:4], "cid:"):
		return "address" // pabal itself puts images into the mail
	}
	if rule := judgeAddress(address, nil); rule != "" && rule != RuleLinkInsecure {
		return "address"
	}
	return ""
}
