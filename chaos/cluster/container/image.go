package container

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"debug/elf"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
)

// module of the program: what is built where the one that runs needs libraries of its machine.
const module = "github.com/logproof/logproof"

// program inside of the image, and the directory of the node there.
const (
	programInside = "/logproof"
	nodeInside    = "/node"
	socketsInside = "/control"
)

// static reports whether a file is a program for Linux that needs no library and no loader of its machine:
// nothing else is in an image FROM scratch.
func static(path string) (bool, error) {
	f, err := elf.Open(path)
	if err != nil {
		return false, fmt.Errorf("is %s a program for Linux: %w", path, err)
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			return false, nil
		}
	}
	return true, nil
}

// programFor is the program that the image holds: the one that was named if it is static, or one that is built
// into dir from the module in the working directory.
func programFor(ctx context.Context, path, dir string) (string, error) {
	ok, err := static(path)
	if err != nil || ok {
		return path, err
	}
	built := filepath.Join(dir, "logproof")
	cmd := exec.CommandContext(ctx, "go", "build", "-o", built, module)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+runtime.GOARCH)
	if said, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%s needs libraries of this machine, which an image FROM scratch has not, and go build of a static one failed (%w): "+
			"build it with CGO_ENABLED=0 and run that one%s", path, err, indented(string(said)))
	}
	return built, nil
}

// indented is output of another program, made to be appended to an error; "" when it said nothing.
func indented(text string) string {
	if text = strings.TrimSpace(text); text == "" {
		return ""
	}
	return "\n  " + strings.ReplaceAll(text, "\n", "\n  ")
}

// dockerfile has its label first, so that what is left of a build that was cut short has it too.
func dockerfile(label string) string {
	key, value, _ := strings.Cut(label, "=")
	return fmt.Sprintf("FROM scratch\nLABEL %q=%q\nCOPY logproof %s\nENTRYPOINT [%q]\n", key, value, programInside, programInside)
}

// archive is the context of the build, in memory: the Dockerfile and the program.
func archive(label string, program []byte) (*bytes.Reader, error) {
	var out bytes.Buffer
	out.Grow(len(program) + 1<<16)
	w := tar.NewWriter(&out)
	for _, f := range []struct {
		name string
		mode int64
		data []byte
	}{{"Dockerfile", 0o644, []byte(dockerfile(label))}, {"logproof", 0o755, program}} {
		if err := w.WriteHeader(&tar.Header{Name: f.name, Mode: f.mode, Size: int64(len(f.data))}); err != nil {
			return nil, err
		}
		if _, err := w.Write(f.data); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return bytes.NewReader(out.Bytes()), nil
}

// build makes the image of a run from a static program and returns its name: logproof, the hash of the program,
// and the run.
func (e *engine) build(ctx context.Context, path, label string) (image string, err error) {
	program, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("build the image: %w", err)
	}
	files, err := archive(label, program)
	if err != nil {
		return "", fmt.Errorf("build the image: %w", err)
	}
	sum := sha256.Sum256(program)
	_, run, _ := strings.Cut(label, "=")
	provider, err := testcontainers.NewDockerProvider()
	if err != nil {
		return "", fmt.Errorf("build the image: %w", err)
	}
	var said bytes.Buffer
	image, err = provider.BuildImage(ctx, &testcontainers.ContainerRequest{FromDockerfile: testcontainers.FromDockerfile{
		ContextArchive: files, Repo: "logproof", Tag: hex.EncodeToString(sum[:6]) + "-" + run, KeepImage: true, BuildLogWriter: &said,
		BuildOptionsModifier: func(o *client.ImageBuildOptions) { o.Labels = map[string]string{labelKey: run} },
	}})
	if err != nil {
		return "", fmt.Errorf("the engine at %s did not build the image FROM scratch of %s (%d bytes); if its disk is full, make room in %s: %w%s",
			e.host, path, len(program), "its data directory (docker system df)", err, indented(said.String()))
	}
	return image, nil
}
