package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"pabal/backup"
	"pabal/control"
	"pabal/eml"
)

// backedUp is what backup --json says.
type backedUp struct {
	File        string        `json:"file"`
	Bytes       int64         `json:"bytes"` // of the file
	Taken       time.Time     `json:"taken"`
	Store       string        `json:"store"`
	Unpacked    int64         `json:"unpacked_bytes"`
	Counts      backup.Counts `json:"counts"`
	Removed     []string      `json:"removed"` // older ones, by --keep
	Faults      []string      `json:"faults"`  // of the stores, copied as they are
	progressBar *bar
}

const toStdout = "-"

func (a *app) backupCommand() *cobra.Command {
	var keep int
	cmd := a.command("backup FILE|FOLDER|-", "Write all of pabal's data into one file, while it sends; read it back and check it",
		"pabal backup /mnt/backup/pabal.tar.zst\npabal backup --keep 14 /var/backups/pabal\npabal backup - | age -r age1… > pabal.tar.zst.age",
		func(ctx context.Context, args []string) error {
			to := args[0]
			folder := false
			if info, err := os.Stat(to); err == nil && info.IsDir() {
				folder, to = true, filepath.Join(to, backup.Name(time.Now()))
			}
			switch {
			case keep < 0 || keep > 0 && !folder:
				return usage("--keep takes a number from 1, and a folder that is there", "for example: pabal backup --keep 14 /var/backups/pabal")
			case args[0] == toStdout && isTerminal(a.stdout):
				return usage("a backup is not for a terminal", "for example: pabal backup - | age -r age1… > pabal.tar.zst.age")
			case args[0] == toStdout:
				return a.backupTo(ctx, a.stdout)
			}
			done, err := a.backupFile(ctx, to)
			if err == nil && keep > 0 && len(done.Faults) == 0 {
				done.Removed, err = backup.Keep(filepath.Dir(to), done.Store, filepath.Base(to), keep)
			}
			if err != nil {
				return err
			}
			return a.sayBackedUp(done)
		})
	cmd.Flags().IntVar(&keep, "keep", 0, "of the backups of this data in the folder keep the newest `N` and remove the others; zero keeps all")
	return cmd
}

func (a *app) sayBackedUp(b backedUp) error {
	b.Removed, b.Faults = append([]string{}, b.Removed...), append([]string{}, b.Faults...)
	err := one(a, b, func(r *report) {
		r.line("%s: %s bytes (%s unpacked), as of %s; read back and checked", eml.Visible(b.File), commas(b.Bytes), commas(b.Unpacked), a.when(b.Taken))
		r.line("%s subscribers, %d campaigns with %s recipients, %s messages", commas(b.Counts.Subscribers), b.Counts.Campaigns, commas(b.Counts.Recipients), commas(b.Counts.Messages))
		for _, name := range b.Removed {
			r.line("removed %s", eml.Visible(name))
		}
		for _, fault := range b.Faults {
			r.line("does not hold: %s", eml.Visible(fault))
		}
	})
	if err == nil && len(b.Faults) > 0 {
		return &eml.Problem{What: fmt.Sprintf("the backup was made, and %d things in the data do not hold", len(b.Faults)),
			Hint: "they are the same in the stores themselves: pabal check; no older backup was removed"}
	}
	return err
}

// backupFile writes an archive, reads it back and checks what it holds.
func (a *app) backupFile(ctx context.Context, to string) (done backedUp, err error) {
	done.progressBar = newBar(a.stderr)
	defer done.progressBar.clear()
	write := func(w io.Writer) error { return a.backupTo(ctx, done.watch(w)) }
	if err := backup.Create(to, write, func(archive string) error { return done.prove(ctx, archive) }); err != nil {
		return done, err
	}
	done.File = to
	info, err := os.Stat(to)
	if err == nil {
		done.Bytes = info.Size()
	}
	return done, err
}

// backupTo writes an archive of the daemon's data, or of the files of one that
// does not run.
func (a *app) backupTo(ctx context.Context, w io.Writer) error {
	c, err := a.client()
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.Backup(ctx, w); !errors.Is(err, control.ErrNoDaemon) {
		return err
	}
	cfg, err := a.config()
	if err != nil {
		return err
	}
	if uid, gid, foreign := ownerOf(cfg.DataDir); foreign {
		return a.backupAs(ctx, uid, gid, w)
	}
	dir, unlock, err := a.idleStores()
	if err != nil {
		return err
	}
	if err := proveStores(ctx, storePaths(dir)...); err != nil {
		return errors.Join(err, unlock())
	}
	return errors.Join(idle(dir).archive(ctx, w), unlock())
}

// backupAs has a process of the owner's read the files, so that root changes
// nothing about them and may still write where it wants.
func (a *app) backupAs(ctx context.Context, uid, gid int, w io.Writer) error {
	args := []string{"backup", toStdout}
	if a.configPath != "" {
		args = append(args, "--config", a.configPath)
	}
	var said strings.Builder
	cmd := exec.CommandContext(ctx, "/proc/self/exe", args...)
	cmd.Args[0] = "pabal"
	cmd.Env, cmd.Stdout, cmd.Stderr = a.environ, w, &said
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Run(); err != nil {
		what, hint, _ := strings.Cut(strings.TrimSpace(said.String()), "\n")
		return &eml.Problem{What: "the files cannot be read as user " + strconv.Itoa(uid) + ": " + eml.Visible(eml.Cut(strings.TrimPrefix(what, "pabal: "), maxComplaint)),
			Hint: strings.TrimSpace(hint), Err: err}
	}
	return nil
}

// watch counts what is unpacked of an archive on its way to w.
func (b *backedUp) watch(w io.Writer) io.Writer {
	if !b.progressBar.live {
		return w
	}
	return &watchedArchive{w: w, bar: b.progressBar}
}

// watchedArchive draws how many bytes have gone by.
type watchedArchive struct {
	w    io.Writer
	bar  *bar
	done int64
}

func (p *watchedArchive) Write(b []byte) (int, error) {
	n, err := p.w.Write(b)
	p.done += int64(n)
	p.bar.show(p.done, 0, "bytes written")
	return n, err
}

// prove unpacks an archive beside itself and checks every store in it.
func (b *backedUp) prove(ctx context.Context, archive string) (err error) {
	dir, err := backup.ProofFolder(archive)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	f, err := os.Open(archive)
	if err != nil {
		return err
	}
	m, err := backup.Extract(ctx, f, "the backup just written", dir, func(done, total int64) { b.progressBar.show(done, total, "read back") })
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	b.Taken, b.Store, b.Unpacked, b.Counts = m.Taken, m.Store, m.Bytes, m.Counts
	b.progressBar.show(m.Bytes, m.Bytes, "checking")
	b.Faults, err = provenFiles(ctx, dir, m.Counts)
	return err
}

// provenFiles checks stores that were unpacked and returns what does not hold.
func provenFiles(ctx context.Context, dir string, want backup.Counts) ([]string, error) {
	var result control.Check
	for _, name := range storeFiles() {
		if err := proveStores(ctx, filepath.Join(dir, name)); err != nil {
			return nil, err
		}
		if err := checkFile(ctx, &result, dir, name); err != nil {
			return nil, err
		}
	}
	if result.Campaigns != want.Campaigns || result.Rows != want.Recipients || result.Messages != want.Messages {
		result.Faults = append(result.Faults, fmt.Sprintf("it holds %d campaigns with %d recipients and %d messages, and was to hold %d, %d and %d",
			result.Campaigns, result.Rows, result.Messages, want.Campaigns, want.Recipients, want.Messages))
	}
	return result.All(), nil
}
