package main

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/huleedu/edge/domain"
)

// usageError is an error of the command line. Its exit code is 2.
type usageError struct{ error }

// Unwrap returns the cause.
func (e usageError) Unwrap() error { return e.error }

// usagef returns a usageError with a text that names the argument.
func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// isUsageError reports whether the command line is the cause. The text identifies the errors
// that the library returns for unknown commands.
func isUsageError(err error) bool {
	_, is := errors.AsType[usageError](err)
	return is || strings.HasPrefix(err.Error(), "unknown command")
}

// flagError converts the library's error of a flag.
func flagError(c *cobra.Command, err error) error {
	return usagef("%w; see \"%s --help\"", err, c.CommandPath())
}

// arguments requires one argument for each name. If the last name ends with "...", it requires
// at least one of these.
func arguments(names ...string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		last := len(names) - 1
		switch {
		case len(args) < len(names):
			return usagef("%s is missing; usage: %s", strings.TrimSuffix(names[len(args)], "..."), c.UseLine())
		case len(args) > len(names) && !strings.HasSuffix(names[last], "..."):
			return usagef("unexpected argument %q behind %s; usage: %s", args[len(names)], names[last], c.UseLine())
		}
		for i, arg := range args {
			if strings.TrimSpace(arg) == "" {
				return usagef("%s is empty", strings.TrimSuffix(names[min(i, last)], "..."))
			}
		}
		return nil
	}
}

// optionalArgument accepts at most one argument.
func optionalArgument(name string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) > 1 {
			return usagef("unexpected argument %q behind %s; usage: %s", args[1], name, c.UseLine())
		}
		return nil
	}
}

// parseUser returns the user that the argument USER names.
func parseUser(text string) (domain.UserID, error) {
	user, err := domain.ParseUserID(text)
	if err != nil {
		return "", usagef("USER %q: %w", text, err)
	}
	return user, nil
}

// checkURL returns an error unless the value of a flag is an absolute URL with one of the
// schemes and without credentials.
func checkURL(flag, text string, schemes ...string) error {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || !slices.Contains(schemes, u.Scheme) || u.User != nil {
		return usagef("%s %q: must be a URL such as %s://127.0.0.1:PORT", flag, text, schemes[0])
	}
	return nil
}

// checkListen returns an error unless the value of a flag is host:port. Port 0 is a free one.
func checkListen(flag, text string) error {
	_, port, err := net.SplitHostPort(text)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return usagef("%s %q: must be host:port, such as %s", flag, text, loopbackAddr(gatewayPort))
	}
	return nil
}

// maxTTL is the longest lifetime of a development token.
const maxTTL = 366 * 24 * time.Hour

// checkTTL returns an error for a lifetime with which a token would never be valid, or for
// years.
func checkTTL(ttl time.Duration) error {
	if ttl < time.Second || ttl > maxTTL {
		return usagef("--ttl %s: must be between 1s and %s", ttl, maxTTL)
	}
	return nil
}
