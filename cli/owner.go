package cli

import (
	"errors"
	"os"
	"os/user"
	"strconv"
	"syscall"

	"pabal/eml"
)

// ownerOf is to whom the data folder belongs, where root is asked to work in a
// folder of another user's: what root makes there the daemon could not open.
func ownerOf(dir string) (uid, gid int, foreign bool) {
	info, err := os.Stat(dir)
	if err != nil || os.Geteuid() != 0 {
		return 0, 0, false
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok || st.Uid == 0 {
		return 0, 0, false
	}
	return int(st.Uid), int(st.Gid), true
}

// becomeOwner has a command of root's go on as the owner of the data folder.
// There is no way back.
func becomeOwner(dir string) error {
	uid, gid, foreign := ownerOf(dir)
	if !foreign {
		return nil
	}
	if err := errors.Join(syscall.Setgroups([]int{gid}), syscall.Setgid(gid), syscall.Setuid(uid)); err != nil {
		return &eml.Problem{What: "root cannot go on as the owner of " + dir + ": " + err.Error(),
			Hint: "run this as that user: runuser -u " + userName(uid) + " -- pabal …", Err: err}
	}
	return nil
}

// refuseRoot keeps root from running the daemon in another user's folder.
func refuseRoot(dir string) error {
	uid, _, foreign := ownerOf(dir)
	if !foreign {
		return nil
	}
	name := userName(uid)
	return &eml.Problem{What: dir + " belongs to " + name + ": what root makes in it would lock the daemon of " + name + " out",
		Hint: "systemctl start pabal; or: runuser -u " + name + " -- pabal serve"}
}

func userName(uid int) string {
	if u, err := user.LookupId(strconv.Itoa(uid)); err == nil {
		return u.Username
	}
	return strconv.Itoa(uid)
}
