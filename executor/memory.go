package executor

import "golang.org/x/sys/unix"

// physicalMemory returns what the machine has, in MiB; 0 if it does not tell.
func physicalMemory() int {
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		return 0
	}
	return int(uint64(info.Totalram) * uint64(info.Unit) >> 20)
}
