package log

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"github.com/logproof/logproof/broker/batch"
	"github.com/logproof/logproof/broker/env"
)

// epochsFile is Kafka's text file of the leader epochs: a version, the number of entries, and one
// line for each, with its epoch and its first offset.
//
// It is replaced as a whole, so that a killed process leaves the old one or the new one. A power cut
// may leave less: after an unclean stop its content does not count, the batches tell the epochs. After
// a clean one, the clean-shutdown file has its checksum.
const (
	epochsFile    = "leader-epoch-checkpoint"
	epochsTemp    = epochsFile + ".tmp"
	epochsVersion = "0"
	// epochsMax bytes bound what is read of a file that may be damaged.
	epochsMax = 64 << 20
)

// encodeEpochs gives the content of the file.
func encodeEpochs(starts []epochStart) []byte {
	b := fmt.Appendf(nil, "%s\n%d\n", epochsVersion, len(starts))
	for _, s := range starts {
		b = fmt.Appendf(b, "%d %d\n", s.epoch, s.offset)
	}
	return b
}

// epochsSum is the checksum that the clean-shutdown file has of the content.
func epochsSum(starts []epochStart) int64 { return int64(batch.AddChecksum(0, encodeEpochs(starts))) }

// parseEpochs is the inverse of encodeEpochs; ok is false for anything else.
func parseEpochs(content string) (starts []epochStart, ok bool) {
	lines := strings.Split(content, "\n")
	if len(lines) < 3 || lines[0] != epochsVersion || lines[1] != strconv.Itoa(len(lines)-3) || lines[len(lines)-1] != "" {
		return nil, false
	}
	before := epochStart{-1, -1}
	for _, line := range lines[2 : len(lines)-1] {
		first, second, _ := strings.Cut(line, " ")
		epoch, err := strconv.ParseInt(first, 10, 32)
		offset, err2 := strconv.ParseInt(second, 10, 64)
		s := epochStart{int32(epoch), offset}
		if err != nil || err2 != nil || s.epoch <= before.epoch || s.offset <= before.offset {
			return nil, false
		}
		starts, before = append(starts, s), s
	}
	return starts, true
}

// readEpochs gives the content of the file, "" if there is none.
func readEpochs(files env.FS, dir string) (content string, err error) {
	f, err := files.Open(dir + "/" + epochsFile)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil || size > epochsMax {
		return "", err
	}
	b := make([]byte, size)
	if err := readFull(f, b, 0); err != nil {
		return "", fmt.Errorf("%s/%s: %w", dir, epochsFile, err)
	}
	return string(b), nil
}

// writeEpochs replaces the file. It is durable once the file that is returned, and the directory,
// have been synced.
func writeEpochs(files env.FS, dir string, starts []epochStart) (env.File, error) {
	f, err := createEmpty(files, dir+"/"+epochsTemp)
	if err != nil {
		return nil, err
	}
	_, err = f.WriteAt(encodeEpochs(starts), 0)
	if err == nil {
		err = files.Rename(dir+"/"+epochsTemp, dir+"/"+epochsFile)
	}
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", epochsFile, errors.Join(err, f.Close()))
	}
	return f, nil
}

// settleEpochs makes the file say what the log knows, on stable storage but for the directory's entry.
func (l *Log) settleEpochs() error {
	have, err := readEpochs(l.fs, l.dir)
	if err != nil || have == "" && len(l.epochs.starts) == 0 {
		return err
	}
	var f env.File
	if have == string(encodeEpochs(l.epochs.starts)) {
		f, err = l.fs.Open(l.dir + "/" + epochsFile)
	} else {
		f, err = writeEpochs(l.fs, l.dir, l.epochs.starts)
	}
	if err != nil {
		return err
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("sync %s: %w", epochsFile, err)
	}
	return nil
}

// trustEpochs takes the epochs from the file if it has the checksum that the clean shutdown noted,
// else from the batches. It reports false if those are damaged.
func (l *Log) trustEpochs(sum int64) (ok bool, err error) {
	content, err := readEpochs(l.fs, l.dir)
	if err != nil {
		return false, err
	}
	starts, ok := parseEpochs(content)
	if (ok || content == "") && epochsSum(starts) == sum {
		l.epochs.starts = starts
		return true, nil
	}
	torn, err := l.retellEpochs()
	if torn != nil || err != nil {
		return false, err
	}
	return true, l.settleEpochs()
}

// checkpoint is the checkpoint file while it may not be on stable storage.
type checkpoint struct {
	users
	file env.File
}

func newCheckpoint(f env.File) *checkpoint {
	c := &checkpoint{file: f}
	c.users.init(func() { _ = f.Close() }) // synced, or replaced by a later one
	return c
}
