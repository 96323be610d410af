package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// profiling runs do, and meanwhile fetches a CPU profile from the broker, if that is asked for.
// The profile is a second longer than the longest measurement; idle time adds no samples to it.
func (b bench) profiling(ctx context.Context, p *process, l load, flush, phase string, do func() error) error {
	if p.pprof == "" {
		return do()
	}
	if err := os.MkdirAll(b.profile, 0o755); err != nil {
		return err
	}
	name := strings.ReplaceAll(fmt.Sprintf("%s-%s-%s.pprof", l.name, flush, phase), " ", "-")
	done := make(chan error, 1)
	seconds := int(b.limits.duration/time.Second) + 1
	go func() {
		done <- fetchProfile(ctx, fmt.Sprintf("http://%s/debug/pprof/profile?seconds=%d", p.pprof, seconds), filepath.Join(b.profile, name))
	}()
	err := do()
	if fetched := <-done; err == nil {
		err = fetched
	}
	return err
}

// fetchProfile saves a profile.
func fetchProfile(ctx context.Context, url, file string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("fetch profile: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("fetch profile: %s answered %s", url, response.Status)
	}
	out, err := os.Create(file)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, response.Body); err != nil {
		out.Close()
		return fmt.Errorf("save profile: %w", err)
	}
	return out.Close()
}
