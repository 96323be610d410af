package report

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Names of the files that Write makes in the run directory.
const (
	VerdictFile  = "verdict.json"
	ResultFile   = "result.json"
	JUnitFile    = "junit.xml"
	MarkdownFile = "summary.md"
	PageFile     = "report.html"
)

// Write makes all files of the report in dir but the page, which shows them. Each appears whole or not at all, and one that cannot
// be written does not keep the others from being tried: the error names every one that is missing.
func Write(dir string, r Run) error {
	var failed []error
	for _, file := range []struct {
		name  string
		write func(io.Writer, Run) error
	}{{VerdictFile, VerdictJSON}, {ResultFile, ResultJSON}, {JUnitFile, JUnit}, {MarkdownFile, Markdown}} {
		if err := writeFile(filepath.Join(dir, file.name), func(w io.Writer) error { return file.write(w, r) }); err != nil {
			failed = append(failed, fmt.Errorf("report %s was not written: %w", file.name, err))
		}
	}
	return errors.Join(failed...)
}

// WritePage makes report.html in dir, and leaves the other files as they are.
func WritePage(dir string, r Run) error {
	return writeFile(filepath.Join(dir, PageFile), func(w io.Writer) error { return HTML(w, r) })
}

// writeFile writes beside the name, syncs, and renames: a reader never sees half a file, and a full
// disk leaves what was there before.
func writeFile(name string, write func(io.Writer) error) (err error) {
	file, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(file.Name()))
		}
	}()
	if err := fill(file, write); err != nil {
		return errors.Join(err, file.Close())
	}
	if err := file.Close(); err != nil {
		return err
	}
	return os.Rename(file.Name(), name)
}

// fill puts the whole content into the file and onto the disk.
func fill(file *os.File, write func(io.Writer) error) error {
	buffered := bufio.NewWriter(file)
	if err := write(buffered); err != nil {
		return err
	}
	if err := buffered.Flush(); err != nil {
		return err
	}
	if err := file.Chmod(0o644); err != nil {
		return err
	}
	return file.Sync()
}
