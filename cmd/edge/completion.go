package main

import (
	"github.com/spf13/cobra"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/world"
)

// completion completes one argument from fixed words.
type completion []string

// complete completes each argument from the words at its place.
func complete(places ...completion) cobra.CompletionFunc {
	return func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) >= len(places) {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return places[len(args)], cobra.ShellCompDirectiveNoFileComp
	}
}

// completeFlag completes the value of a flag.
func completeFlag(c *cobra.Command, flag string, words completion) {
	_ = c.RegisterFlagCompletionFunc(flag, complete(words)) // the flag exists
}

// users returns the users of "edge up".
func users() completion {
	var out completion
	for _, t := range world.SampleTeachers() {
		out = append(out, string(t.User))
	}
	return out
}

// batches returns the batches of "edge up".
func batches() completion {
	var out completion
	for _, t := range world.SampleTeachers() {
		for _, b := range t.Batches {
			out = append(out, string(b.ID))
		}
	}
	return out
}

// pipelines returns the names of the pipelines.
func pipelines() completion {
	var out completion
	for _, p := range domain.Pipelines() {
		out = append(out, string(p))
	}
	return out
}

// notificationTypes returns the types that the platform sends.
func notificationTypes() completion {
	var out completion
	for _, n := range world.NotificationRequests() {
		out = append(out, n.Type)
	}
	return out
}
