package fault

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/logproof/logproof/chaos/cluster"
	"github.com/logproof/logproof/chaos/timeline"
)

// staleMetadata answers questions for metadata with an answer of before the fault.
//
//	effect: a topic that is created meanwhile is named past the link, and not over it
//	heal:   it is named over the link, too; it is deleted then
//
// Something must change for an answer to be stale, so the proof makes a topic of its own.
func staleMetadata(timeline.Fault) linkKind {
	s := &staleTopic{}
	return linkKind{
		watched: fromClients,
		prepare: func(_ context.Context, l *links) error {
			maker, ok := l.cluster.(cluster.TopicMaker)
			if !ok {
				return fmt.Errorf("this cluster cannot make a topic, so nobody could see that metadata is stale: it lacks the capability TopicMaker")
			}
			s.maker = maker
			return nil
		},
		struck: s.struck,
		healed: s.healed,
		saw: func(*links) string {
			return fmt.Sprintf("topic %s, new, is named past the link and not over it", s.name)
		},
	}
}

// staleTopic is the topic of one proof.
type staleTopic struct {
	maker cluster.TopicMaker

	mu   sync.Mutex
	name string
	seen int // over how many links it was named after the heal
}

func (s *staleTopic) struck(ctx context.Context, l *links, d dial) error {
	if err := s.make(ctx, l); err != nil {
		return err
	}
	past, over, err := s.ask(ctx, l, d)
	switch {
	case err != nil:
		return err
	case !slices.Contains(past, s.name):
		return fmt.Errorf("%s does not know the new topic %s yet", d.to, s.name)
	case slices.Contains(over, s.name):
		return fmt.Errorf("the new topic %s is named over the link", s.name)
	}
	return nil
}

// make asks over every link, as who answers with what was may have had to hear it, and makes the topic once.
func (s *staleTopic) make(ctx context.Context, l *links) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.name != "" {
		return nil
	}
	for _, d := range l.dials {
		if _, _, err := s.ask(ctx, l, d); err != nil {
			return err
		}
	}
	name, err := s.maker.MakeTopic(ctx, cluster.AnyNode)
	if err == nil {
		s.name = name
	}
	return err
}

// ask asks for all topics, past a link and over it.
func (s *staleTopic) ask(ctx context.Context, l *links, d dial) (past, over []string, err error) {
	c, err := l.canary(ctx, d, "Metadata")
	if err != nil {
		return nil, nil, err
	}
	limited, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	answer, err := c.Ask(limited, direct(l.cluster, d.to.ID))
	if err != nil {
		return nil, nil, fmt.Errorf("%s, asked past the links: %w", d.to, err)
	}
	past = answer.Topics
	answer, err = c.Ask(limited, l.cluster.Address(d.to.ID))
	return past, answer.Topics, err
}

func (s *staleTopic) healed(ctx context.Context, l *links, d dial) error {
	s.mu.Lock()
	name := s.name
	s.mu.Unlock()
	if name == "" {
		return l.answers(ctx, d)
	}
	past, over, err := s.ask(ctx, l, d)
	switch {
	case err != nil:
		return err
	case !slices.Contains(past, name) || !slices.Contains(over, name):
		return fmt.Errorf("topic %s is named past the link: %v, over it: %v", name, slices.Contains(past, name), slices.Contains(over, name))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.seen++; s.seen < len(l.dials) {
		return nil
	}
	return s.maker.DropTopic(ctx, name)
}
