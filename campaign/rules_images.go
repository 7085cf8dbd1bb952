package campaign

import (
	"context"

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
	err := in.store.publish(ctx, in.def.letter)
	if err == nil || ended(ctx, err) {
		return err
	}
	if f := in.found(RuleImageUnhosted, Block, in.store.saidBy(err)...); f.Data["hint"] != "" {
		f.Case = "hint"
	}
	return nil
}
