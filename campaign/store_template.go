package campaign

import (
	"context"
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	bolt "go.etcd.io/bbolt"

	"pabal/eml"
)

const maxName = 100 // characters of a template's or campaign's name

type versionKey struct {
	id      uint64
	version int
}

// PutTemplate stores a new version of the template called t.Name and returns
// it. Sources are kept in NFC with LF line ends. Images that the HTML names
// are those of t.Images, else those the newest version has by that name. It
// returns a *TemplateError for a part that does not parse, a *eml.Problem for a
// bad name; nothing is stored then.
func (s *Store) PutTemplate(ctx context.Context, t Template) (Template, error) {
	t.PulledAt, t.Pulled, t.Changes = time.Time{}, "", nil
	t = normalized(t)
	err := s.db.View(func(tx *bolt.Tx) error { return inherit(tx, &t) })
	if err != nil {
		return Template{}, err
	}
	return s.putTemplate(ctx, t)
}

// normalized is a template as it is kept.
func normalized(t Template) Template {
	t.Name = strings.TrimSpace(normalize(t.Name))
	t.Subject, t.HTML, t.Text = strings.TrimSpace(normalize(t.Subject)), normalize(t.HTML), normalize(t.Text)
	return t
}

// putTemplate stores a version whose images are stored.
func (s *Store) putTemplate(ctx context.Context, t Template) (Template, error) {
	t = normalized(t)
	if err := checkName("template", t.Name); err != nil {
		return Template{}, err
	}
	l, err := compile(t)
	if err != nil {
		return Template{}, err
	}
	if err := ctx.Err(); err != nil {
		return Template{}, err
	}
	t.Fields, t.CreatedAt = l.shown, time.Now().UTC().Truncate(time.Millisecond)
	err = s.update(2*(len(t.HTML)+len(t.Text)), func(tx *bolt.Tx) error {
		if err := numberTemplate(tx, &t); err != nil {
			return err
		}
		return putVersion(tx, t)
	})
	if err != nil {
		return Template{}, fmt.Errorf("store template %s: %w", t.Name, err)
	}
	s.log().Info("template stored", "template", t.Name, "template_version", t.Version)
	return s.located(t), nil
}

func checkName(what, name string) error {
	if name == "" {
		return &eml.Problem{What: "the " + what + " has no name", Hint: "Give it one."}
	}
	if len([]rune(name)) > maxName {
		return &eml.Problem{What: fmt.Sprintf("the %s's name is longer than %d characters", what, maxName), Hint: "Shorten it."}
	}
	if err := eml.CheckHeader(name); err != nil {
		return &eml.Problem{What: "the " + what + "'s name has control characters", Hint: "Write it again without them.", Err: err}
	}
	return nil
}

// numberTemplate gives t its id and next version.
func numberTemplate(tx *bolt.Tx, t *Template) error {
	names, templates := tx.Bucket(bucketNames), tx.Bucket(bucketTemplates)
	id := names.Get([]byte(t.Name))
	if id == nil {
		n, err := templates.NextSequence()
		if err != nil {
			return err
		}
		t.ID, t.Version = n, 1
		return names.Put([]byte(t.Name), key(n))
	}
	var newest Template
	if err := readJSON(templates.Get(id), &newest); err != nil {
		return fmt.Errorf("read template %s: %w", t.Name, err)
	}
	t.ID, t.Version = newest.ID, newest.Version+1
	if t.Purpose == "" {
		t.Purpose = newest.Purpose
	}
	return nil
}

func putVersion(tx *bolt.Tx, t Template) error {
	head := t
	head.HTML, head.Text = "", ""
	head.Images = slices.Clone(t.Images)
	for i := range head.Images {
		head.Images[i].URL = "" // by the configuration of the day it is sent
	}
	b, err := tx.Bucket(bucketVersions).CreateBucket(versionName(t.ID, t.Version))
	if err != nil {
		return err
	}
	if err := putJSON(b, []byte("head"), head); err != nil {
		return err
	}
	for part, source := range map[string]string{partHTML: t.HTML, partText: t.Text} {
		if err := b.Put([]byte(part), sealed([]byte(source))); err != nil {
			return err
		}
	}
	return putJSON(tx.Bucket(bucketTemplates), key(t.ID), head)
}

// Template returns a version of a template with its bodies; version 0 means
// the newest. ErrNotFound.
func (s *Store) Template(name string, version int) (Template, error) {
	var t Template
	err := s.db.View(func(tx *bolt.Tx) error {
		id := tx.Bucket(bucketNames).Get([]byte(normalize(name)))
		if id == nil {
			return fmt.Errorf("template %s: %w", name, ErrNotFound)
		}
		if err := readJSON(tx.Bucket(bucketTemplates).Get(id), &t); err != nil {
			return fmt.Errorf("read template %s: %w", name, err)
		}
		if version == 0 {
			version = t.Version
		}
		b := tx.Bucket(bucketVersions).Bucket(versionName(t.ID, version))
		if b == nil {
			return fmt.Errorf("template %s version %d: %w", name, version, ErrNotFound)
		}
		t = Template{}
		if err := readVersion(b, &t); err != nil {
			return fmt.Errorf("read template %s version %d: %w", name, version, err)
		}
		if t.Name != normalize(name) {
			return fmt.Errorf("read template %s version %d: it says that it is %s: %w", name, version, t.Name, errSeal)
		}
		return nil
	})
	return s.located(t), err
}

// readVersion reads what putVersion wrote.
func readVersion(b *bolt.Bucket, t *Template) error {
	if err := readJSON(b.Get([]byte("head")), t); err != nil {
		return err
	}
	html, err := unsealed(b.Get([]byte(partHTML)))
	if err != nil {
		return fmt.Errorf("HTML: %w", err)
	}
	text, err := unsealed(b.Get([]byte(partText)))
	if err != nil {
		return fmt.Errorf("text: %w", err)
	}
	t.HTML, t.Text = string(html), string(text)
	return nil
}

// Templates returns the newest version of every template without its bodies,
// by name.
func (s *Store) Templates() ([]Template, error) {
	all := []Template{}
	err := s.db.View(func(tx *bolt.Tx) error {
		return tx.Bucket(bucketTemplates).ForEach(func(_, raw []byte) error {
			var t Template
			if err := readJSON(raw, &t); err != nil {
				return fmt.Errorf("read template: %w", err)
			}
			all = append(all, s.located(t))
			return nil
		})
	})
	sort.Slice(all, func(i, j int) bool { return all[i].Name < all[j].Name })
	return all, err
}

// letter is a template version, parsed; version 0 means the newest.
func (s *Store) letter(name string, version int) (*letter, Template, error) {
	t, err := s.Template(name, version)
	if err != nil {
		return nil, t, err
	}
	k := versionKey{t.ID, t.Version}
	if l, ok := s.letters.get(k); ok {
		return l, t, nil
	}
	l, err := s.assemble(t)
	if err != nil {
		return nil, t, err
	}
	s.letters.put(k, l)
	return l, t, nil
}
