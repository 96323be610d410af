package proxy

import (
	"errors"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// spliceMin is what must be left of a frame for it to be worth a kernel pipe.
const spliceMin = 64 << 10

// kernelPipe moves bytes between sockets without copying them through this process. What it holds
// stays in it when a write is interrupted: nothing is lost, which is why io.Copy does not do.
type kernelPipe struct {
	r, w int
	// held is how many bytes are in it.
	held int
	// size it can hold at most.
	size int
}

// newKernelPipe makes one; nil where the machine has no more of them.
func newKernelPipe() *kernelPipe {
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		return nil
	}
	k := &kernelPipe{r: fds[0], w: fds[1]}
	size, err := unix.FcntlInt(uintptr(k.w), unix.F_SETPIPE_SZ, 1<<20)
	if err != nil { // the user has many pipes: the usual size
		if size, err = unix.FcntlInt(uintptr(k.w), unix.F_GETPIPE_SZ, 0); err != nil {
			k.close()
			return nil
		}
	}
	k.size = size
	return k
}

func (k *kernelPipe) close() {
	unix.Close(k.r)
	unix.Close(k.w)
}

// fill takes at most limit bytes from src into the empty pipe, and waits for the first of them. 0
// bytes without an error are the end of src.
func (k *kernelPipe) fill(src syscall.RawConn, limit int64) (int, error) {
	var n int64
	var errno error
	err := src.Read(func(fd uintptr) bool {
		n, errno = retry(func() (int64, error) {
			return unix.Splice(int(fd), nil, k.w, nil, int(min(limit, int64(k.size))), unix.SPLICE_F_NONBLOCK|unix.SPLICE_F_MOVE)
		})
		return !errors.Is(errno, unix.EAGAIN)
	})
	if err != nil {
		return 0, err
	}
	if errno != nil {
		return 0, os.NewSyscallError("splice", errno)
	}
	k.held = int(n)
	return k.held, nil
}

// empty moves everything it holds to dst, and says how much that was when it fails.
func (k *kernelPipe) empty(dst syscall.RawConn) (moved int, err error) {
	for k.held > 0 {
		var n int64
		var errno error
		err := dst.Write(func(fd uintptr) bool {
			n, errno = retry(func() (int64, error) {
				return unix.Splice(k.r, nil, int(fd), nil, k.held, unix.SPLICE_F_NONBLOCK|unix.SPLICE_F_MOVE)
			})
			return !errors.Is(errno, unix.EAGAIN)
		})
		if err != nil {
			return moved, err
		}
		if errno != nil {
			return moved, os.NewSyscallError("splice", errno)
		}
		k.held -= int(n)
		moved += int(n)
	}
	return moved, nil
}

// drain reads everything it holds.
func (k *kernelPipe) drain() ([]byte, error) {
	b := make([]byte, 0, k.held)
	for k.held > 0 {
		n, err := retry(func() (int64, error) {
			n, err := unix.Read(k.r, b[len(b):cap(b)])
			return int64(n), err
		})
		if err != nil {
			return b, os.NewSyscallError("read", err)
		}
		b = b[:len(b)+int(n)]
		k.held -= int(n)
	}
	return b, nil
}

func retry(call func() (int64, error)) (int64, error) {
	for {
		n, err := call()
		if !errors.Is(err, unix.EINTR) {
			return n, err
		}
	}
}
