package controller

import (
	"iter"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// item is where a response has the outcome of one of the things that were asked for.
type item struct {
	code    *int16
	message **string
}

// items are those of a response that has no error of its own, in the order of the response; none of others.
func items(resp kmsg.Response) iter.Seq[item] {
	switch r := resp.(type) {
	case *kmsg.CreateTopicsResponse:
		return each(r.Topics, func(t *kmsg.CreateTopicsResponseTopic) item { return item{&t.ErrorCode, &t.ErrorMessage} })
	case *kmsg.DeleteTopicsResponse:
		return each(r.Topics, func(t *kmsg.DeleteTopicsResponseTopic) item { return item{&t.ErrorCode, &t.ErrorMessage} })
	case *kmsg.CreatePartitionsResponse:
		return each(r.Topics, func(t *kmsg.CreatePartitionsResponseTopic) item { return item{&t.ErrorCode, &t.ErrorMessage} })
	case *kmsg.IncrementalAlterConfigsResponse:
		return each(r.Resources, func(t *kmsg.IncrementalAlterConfigsResponseResource) item {
			return item{&t.ErrorCode, &t.ErrorMessage}
		})
	case *kmsg.AlterConfigsResponse:
		return each(r.Resources, func(t *kmsg.AlterConfigsResponseResource) item { return item{&t.ErrorCode, &t.ErrorMessage} })
	}
	return func(func(item) bool) {}
}

// each gives the items of a list.
func each[T any](list []T, of func(*T) item) iter.Seq[item] {
	return func(yield func(item) bool) {
		for i := range list {
			if !yield(of(&list[i])) {
				return
			}
		}
	}
}
