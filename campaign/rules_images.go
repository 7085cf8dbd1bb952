package campaign

import (
	"context"
	"errors"
	"fmt"

	"pabal/eml"
)

// The rules about a template's own pictures.
const (
	RuleImageMissing   = "image_missing"  // block: the page names a picture that is not stored
	RuleImageLarge     = "image_large"    // block: a picture is larger than [images] max_size
	RuleImageUnhosted  = "image_unhosted" // block: the bucket did not take the pictures
	imagesMissingHow   = "Put the template again with the folder the picture lies in: pabal template put NAME --html FOLDER."
	imagesTooLargeHow  = "Save it smaller, about 1200 pixels wide, and put the template again."
	imagesUnhostedHow  = "See [images] in the configuration: the bucket must exist and these credentials be allowed s3:PutObject and s3:GetObject."
	imagesUnhostedWhat = "the pictures could not be put into the bucket"
)

// imageFault is something wrong with one picture of a letter.
type imageFault struct {
	rule  string
	name  string
	bytes int64
}

// imageFaults are the pictures of a letter that are missing, damaged or too large.
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

// judgeImages looks at the letter's pictures and hands them to their host, so
// that a start does not find out too late that it cannot.
func (in *inspection) judgeImages(ctx context.Context) error {
	for _, fault := range in.store.imageFaults(in.def.letter) {
		name := eml.Visible(fault.name)
		f := in.find(fault.rule, Block, "the picture "+name+" is not there", "Readers would see an empty frame.", imagesMissingHow)
		if fault.rule == RuleImageLarge {
			*f = Finding{Rule: fault.rule, Level: Block, How: imagesTooLargeHow, Count: fault.bytes,
				What: fmt.Sprintf("the picture %s has %d KB, more than %d KB", name, fault.bytes>>10, in.store.Settings.Images.Max>>10),
				Why:  "It loads slowly on a phone, and a mail that carries it may be refused."}
		}
		f.Name = fault.name
	}
	err := in.store.publish(ctx, in.def.letter)
	if err == nil || ended(ctx, err) {
		return err
	}
	f := in.find(RuleImageUnhosted, Block, imagesUnhostedWhat, err.Error(), imagesUnhostedHow)
	var problem *eml.Problem
	if errors.As(err, &problem) && problem.Hint != "" {
		f.How = problem.Hint
	}
	return nil
}
