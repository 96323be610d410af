//go:build !linux

package proxy

import (
	"errors"
	"syscall"
)

// spliceMin is never reached: there is no splice here.
const spliceMin = 1 << 60

// kernelPipe is Linux's; everything is copied.
type kernelPipe struct{ held int }

func newKernelPipe() *kernelPipe { return nil }

func (k *kernelPipe) close() {}

func (k *kernelPipe) fill(syscall.RawConn, int64) (int, error) { return 0, errors.ErrUnsupported }

func (k *kernelPipe) empty(syscall.RawConn) (int, error) { return 0, errors.ErrUnsupported }

func (k *kernelPipe) drain() ([]byte, error) { return nil, errors.ErrUnsupported }
