package testdata

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// BreakSync makes every later sync of a file fail that this process has open:
// /dev/null takes its place. It is for the tests of several packages; nothing
// else calls it, and the binary does not hold it.
func BreakSync(path string) error {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("break the sync of %s: %w", path, err)
	}
	defer null.Close() // its copy stays open
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return fmt.Errorf("break the sync of %s: %w", path, err)
	}
	for _, fd := range open {
		if name, _ := os.Readlink("/proc/self/fd/" + fd.Name()); name == path {
			n, err := strconv.Atoi(fd.Name())
			return errors.Join(err, unix.Dup3(int(null.Fd()), n, unix.O_CLOEXEC))
		}
	}
	return fmt.Errorf("%s is not open", path)
}
