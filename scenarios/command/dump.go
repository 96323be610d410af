package command

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
)

// Names of the files in the directory of a partition, as Apache Kafka names them too.
const (
	segmentSuffix     = ".log"
	setAsideSuffix    = ".log.quarantined"
	offsetIndexSuffix = ".index"
	timeIndexSuffix   = ".timeindex"
	epochsName        = "leader-epoch-checkpoint"
	cleanShutdownName = "clean-shutdown"

	abortedIndexSuffix = ".txnindex"
)

func newDump(stdout io.Writer) *cobra.Command {
	var records bool
	cmd := &cobra.Command{
		Use:   "dump <file or directory>...",
		Short: "Decode the files of a partition, and check them",
		Long: `Print what the files of a partition say: the record batches of a segment (.log), the entries of its indexes
(.index, .timeindex), its aborted transactions (.txnindex), the leader epochs (` + epochsName + `). A directory of a partition is all of its files. No
broker is needed, and nothing is changed. Checked are: framing and checksum of each batch, that its records
can be decoded, that offsets and epochs do not fall, that index entries point at what is there, that what is
said to be aborted has a marker which says so. Exit code 1 if something is damaged. The files of Apache Kafka have the same formats.`,
		Example: `  logproof dump data/orders-0
  logproof dump data/orders-0/00000000000000000000.log --records
  logproof dump data/*-0 > /dev/null || echo damaged`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			out := bufio.NewWriter(stdout)
			d := dumper{out: out, records: records}
			err := d.all(args)
			if flushed := out.Flush(); err == nil && flushed != nil {
				err = environment(fmt.Errorf("print: %w", flushed))
			}
			return err
		},
	}
	cmd.Flags().BoolVarP(&records, "records", "r", false, "print the records of each batch")
	return cmd
}

// dumper prints files, and counts what is wrong with them.
type dumper struct {
	out     io.Writer
	records bool
	damaged int
}

func (d *dumper) all(paths []string) error {
	for _, path := range paths {
		info, err := os.Stat(path)
		switch {
		case err != nil:
			return usage("%w", err)
		case info.IsDir():
			err = d.directory(path)
		default:
			err = d.file(path)
		}
		if err != nil {
			return err
		}
	}
	if d.damaged > 0 {
		return &exit{ExitFail, errors.New(some(d.damaged, "damaged place"))}
	}
	return nil
}

// damage is a place that is not as it should be.
func (d *dumper) damage(format string, args ...any) {
	d.damaged++
	fmt.Fprintf(d.out, "  DAMAGED: "+format+"\n", args...)
}

// directory prints all files of a partition, in the order of the log.
func (d *dumper) directory(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return environment(err)
	}
	var names []string
	for _, e := range entries {
		if known(e.Name()) {
			names = append(names, e.Name())
		}
	}
	if len(names) == 0 {
		return usage("%s is no directory of a partition: it has no .log, .index or .timeindex file", dir)
	}
	slices.Sort(names)
	end := int64(-1)
	for _, name := range names {
		path := filepath.Join(dir, name)
		if base, ok := baseOf(name, segmentSuffix); ok {
			if base < end {
				d.damage("%s begins at %d, and the segment before it ends at %d", name, base, end)
			}
			if end, err = d.segment(path, base); err != nil {
				return err
			}
			continue
		}
		if err := d.file(path); err != nil {
			return err
		}
	}
	return nil
}

func known(name string) bool {
	for _, suffix := range []string{segmentSuffix, setAsideSuffix, offsetIndexSuffix, timeIndexSuffix, abortedIndexSuffix} {
		if _, ok := baseOf(name, suffix); ok {
			return true
		}
	}
	return name == epochsName
}

// baseOf reads the offset in the name of a file.
func baseOf(name, suffix string) (base int64, ok bool) {
	digits, ok := strings.CutSuffix(filepath.Base(name), suffix)
	if !ok || len(digits) != 20 {
		return 0, false
	}
	base, err := strconv.ParseInt(digits, 10, 64)
	return base, err == nil && base >= 0
}

// file prints one file by the ending of its name.
func (d *dumper) file(path string) error {
	for suffix, do := range map[string]func(string, int64) error{
		segmentSuffix:     func(path string, base int64) error { _, err := d.segment(path, base); return err },
		setAsideSuffix:    func(path string, base int64) error { _, err := d.segment(path, base); return err },
		offsetIndexSuffix: d.offsetIndex,
		timeIndexSuffix:   d.timeIndex,

		abortedIndexSuffix: d.aborted,
	} {
		if base, ok := baseOf(path, suffix); ok {
			return do(path, base)
		}
	}
	if filepath.Base(path) == epochsName {
		return d.epochs(path)
	}
	return usage("%s: its name is not that of a file of a partition: 20 digits and .log, .index, .timeindex or .txnindex, or %s", path, epochsName)
}
