package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"pabal/store"
)

const (
	roomWanted  = 1 << 30 // bytes free, below which it is a warning
	roomNeeded  = 100 << 20
	syncTries   = 20
	syncBytes   = 4 << 10
	syncSlow    = 20 * time.Millisecond // a lone mail waits for one of them (reference: an SSD needs 1 to 5 ms)
	skewNoticed = 5 * time.Second
	skewRefused = 5 * time.Minute // AWS refuses signatures older or newer than that
)

// checkFolder sees that the data folder is ours alone and can be written.
func (e *examination) checkFolder(context.Context) {
	dir := e.cfg.DataDir
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, os.ErrNotExist):
		e.say("data_folder", checkWarn, dir+" is not there yet", "pabal serve makes it")
		return
	case err != nil:
		e.say("data_folder", checkFail, err.Error(), "run doctor as the user pabal runs as, or as root")
		return
	case !info.IsDir():
		e.say("data_folder", checkFail, dir+" is no folder", "set data_dir to one")
		return
	}
	file, err := os.CreateTemp(dir, ".doctor-*")
	if err != nil {
		e.say("data_folder", checkFail, "nothing can be written into "+dir+": "+err.Error(), "run doctor as the user pabal runs as; if you do, give the folder to that user")
		return
	}
	err = errors.Join(file.Close(), os.Remove(file.Name()))
	owner, _ := info.Sys().(*syscall.Stat_t)
	switch {
	case err != nil:
		e.say("data_folder", checkFail, err.Error(), "look at the volume")
	case info.Mode().Perm()&0o077 != 0:
		e.say("data_folder", checkWarn, fmt.Sprintf("%s is open to others (mode %04o)", dir, info.Mode().Perm()), "chmod 700 "+dir)
	default:
		e.say("data_folder", checkPass, fmt.Sprintf("%s is of user %d alone", dir, owner.Uid), "")
	}
}

// nearest is the folder itself, or the one above it that is there.
func nearest(dir string) string {
	for dir != "/" && dir != "." {
		if _, err := os.Stat(dir); err == nil {
			return dir
		}
		dir = filepath.Dir(dir)
	}
	return dir
}

// checkDisk looks at room and at what kind of volume it is.
func (e *examination) checkDisk(context.Context) {
	dir := nearest(e.cfg.DataDir)
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		e.say("disk", checkFail, dir+": "+err.Error(), "look at the volume")
		return
	}
	free := int64(st.Bavail) * st.Bsize
	room := commas(free>>20) + " MB free"
	memory := map[int64]string{unix.TMPFS_MAGIC: "memory: all is lost when the machine stops", unix.OVERLAYFS_SUPER_MAGIC: "a container's own layer: all is lost with the container",
		unix.NFS_SUPER_MAGIC: "a network file system: locks and crashes are not as on a disk", unix.SMB2_SUPER_MAGIC: "a network file system: locks and crashes are not as on a disk"}
	switch kind := memory[int64(st.Type)]; {
	case free < roomNeeded:
		e.say("disk", checkFail, room+" for "+e.cfg.DataDir, store.FullHint)
	case st.Files > 0 && st.Ffree == 0:
		e.say("disk", checkFail, "no file can be made on the volume of "+e.cfg.DataDir+": it is out of inodes", "remove files on it")
	case kind != "":
		e.say("disk", checkWarn, e.cfg.DataDir+" is on "+kind, "put data_dir on a volume of its own on a local disk")
	case free < roomWanted:
		e.say("disk", checkWarn, room+" for "+e.cfg.DataDir, "a campaign of 1,000,000 takes about 300 MB, 10,000 mails of 100 KB take 1 GB")
	default:
		e.say("disk", checkPass, room, "")
	}
}

// checkSync measures how long a write takes to be on disk: every 250 waits for one.
func (e *examination) checkSync(ctx context.Context) {
	file, err := os.CreateTemp(nearest(e.cfg.DataDir), ".doctor-*")
	if err != nil {
		e.say("disk_sync", checkSkip, "not measured: "+err.Error(), "")
		return
	}
	var took []time.Duration
	for range syncTries {
		began := time.Now()
		if _, err = file.Write(make([]byte, syncBytes)); err == nil {
			err = file.Sync()
		}
		if took = append(took, time.Since(began)); err != nil || ctx.Err() != nil {
			break
		}
	}
	err = errors.Join(err, file.Close(), os.Remove(file.Name()))
	slices.Sort(took)
	median := took[len(took)/2].Round(10 * time.Microsecond)
	switch {
	case err != nil:
		e.say("disk_sync", checkFail, "a write does not get to the disk: "+err.Error(), "look at the disk and its volume (dmesg)")
	case median > syncSlow:
		e.say("disk_sync", checkWarn, "a write takes "+median.String()+" to be on disk", "applications wait that long for each mail: an SSD takes 1 to 5 ms")
	default:
		e.say("disk_sync", checkPass, "a write is on disk in "+median.String(), "")
	}
}

var kernelVersion = regexp.MustCompile(`\b(\d+)\.(\d+)\.(\d+)`)

// fastCommitFault reports a kernel whose ext4 loses synced writes when its
// feature fast_commit is on: 5.10 before 5.10.94, 5.11 to 5.15.26 (etcd-io/bbolt
// README, known issues). Debian's release has no patch level; its build has.
func fastCommitFault(release, build string) (version string, fault bool) {
	m := kernelVersion.FindStringSubmatch(build)
	if m == nil {
		m = kernelVersion.FindStringSubmatch(release)
	}
	if m == nil {
		return release, false
	}
	var n [3]int
	for i := range n {
		n[i], _ = strconv.Atoi(m[i+1]) // digits: too many of them are a new kernel
	}
	switch major, minor, patch := n[0], n[1], n[2]; {
	case major != 5 || minor < 10 || minor > 15:
		return m[0], false
	case minor == 10:
		return m[0], patch < 94
	case minor == 15:
		return m[0], patch < 27
	}
	return m[0], true
}

func (e *examination) checkKernel(context.Context) {
	var u unix.Utsname
	var st unix.Statfs_t
	if err := errors.Join(unix.Uname(&u), unix.Statfs(nearest(e.cfg.DataDir), &st)); err != nil {
		e.say("kernel", checkSkip, err.Error(), "")
		return
	}
	version, fault := fastCommitFault(unix.ByteSliceToString(u.Release[:]), unix.ByteSliceToString(u.Version[:]))
	if fault && st.Type == unix.EXT4_SUPER_MAGIC {
		e.say("kernel", checkWarn, "Linux "+version+" may lose what ext4 called synced, where the feature fast_commit is on", "update the kernel, or see that it is off: dumpe2fs -h DEVICE | grep fast_commit")
		return
	}
	e.say("kernel", checkPass, "Linux "+version, "")
}

// checkPorts sees that the daemon has its ports, or could have them.
func (e *examination) checkPorts(context.Context) {
	if e.daemon != nil {
		e.say("ports", checkPass, "the daemon has them", "")
		return
	}
	var free []string
	for _, address := range slices.Concat(e.cfg.smtpListen(), e.cfg.SMTP.TLSListen, []string{e.cfg.Web.Listen, e.cfg.Web.MetricsListen}) {
		if address == "" {
			continue
		}
		l, err := net.Listen("tcp", address)
		switch {
		case errors.Is(err, syscall.EADDRINUSE):
			e.say("ports", checkFail, address+" is taken by another program", "see by which: ss -ltnp; or listen elsewhere")
		case errors.Is(err, syscall.EACCES):
			e.say("ports", checkFail, address+" may not be listened on by this user", "ports under 1024 need the capability net_bind_service, which the service has; or listen elsewhere")
		case err != nil:
			e.say("ports", checkFail, address+": "+err.Error(), "see [smtp] listen and [web] listen")
		default:
			free = append(free, address)
			_ = l.Close() // it took nothing
		}
	}
	if len(free) > 0 {
		e.say("ports", checkPass, strings.Join(free, ", ")+" can be had", "")
	}
}

// checkService asks systemd, where it runs.
func (e *examination) checkService(ctx context.Context) {
	if _, err := os.Stat("/run/systemd/system"); err != nil {
		e.say("service", checkSkip, "systemd does not run here", "")
		return
	}
	out, err := exec.CommandContext(ctx, "systemctl", "show", "pabal.service", "--property=LoadState,ActiveState,UnitFileState,NRestarts").Output()
	if err != nil {
		e.say("service", checkSkip, "systemd does not answer: "+err.Error(), "")
		return
	}
	result, what, how := judgeService(string(out))
	e.say("service", result, what, how)
}

// judgeService reads what systemctl show says.
func judgeService(shown string) (result, what, how string) {
	is := map[string]string{}
	for line := range strings.Lines(shown) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		is[key] = value
	}
	switch {
	case is["LoadState"] != "loaded":
		return checkSkip, "there is no unit pabal.service", ""
	case is["ActiveState"] != "active":
		return checkWarn, "pabal.service is " + is["ActiveState"], "systemctl start pabal; if it ends again: journalctl -u pabal"
	case is["UnitFileState"] != "enabled":
		return checkWarn, "pabal.service does not start with the machine", "systemctl enable pabal"
	case is["NRestarts"] != "0" && is["NRestarts"] != "":
		return checkWarn, "systemd has restarted pabal.service " + is["NRestarts"] + " times", "see why it ended: journalctl -u pabal"
	}
	return checkPass, "pabal.service runs and starts with the machine", ""
}
