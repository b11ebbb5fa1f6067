package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/huleedu/edge/adapters/env"
	"github.com/huleedu/edge/adapters/jwt"
	"github.com/huleedu/edge/domain"
)

// maxTokenInput bounds what is read of standard input, in bytes.
const maxTokenInput = 1 << 20

func (t tool) tokenCheckCommand() *cobra.Command {
	var file string
	c := &cobra.Command{
		Use:   "check TOKEN|-",
		Short: "Tell whether the services accept a token, and why not",
		Long: "Validate a token as the services do, with the JWT_* settings of this process and .env, or of the file that\n" +
			"--env-file names. With - the token is read from standard input, so that it is not in the shell's history.\n" +
			"The exit code is 1 for a token that the services refuse.",
		Example: "  edge token teacher-anna | edge token check -",
		Args:    arguments("TOKEN"),
		RunE: func(c *cobra.Command, args []string) error {
			token, err := readToken(args[0])
			if err != nil {
				return err
			}
			cfg, err := t.tokenConfig(file)
			if err != nil {
				return err
			}
			return withValidator(c.Context(), cfg, func(v *jwt.Validator, _ domain.Health) error {
				caller, err := v.Validate(c.Context(), token)
				return t.printVerdict(cfg, token, caller, err)
			})
		},
	}
	c.Flags().StringVar(&file, "env-file", "", "read only the variables of this file")
	return c
}

// readToken returns the token, without a leading "Bearer". - reads standard input.
func readToken(arg string) (string, error) {
	if arg == "-" {
		all, err := io.ReadAll(io.LimitReader(os.Stdin, maxTokenInput))
		if err != nil {
			return "", err
		}
		arg = string(all)
	}
	arg = strings.TrimSpace(arg)
	if scheme, rest, found := strings.Cut(arg, " "); found && strings.EqualFold(scheme, "bearer") {
		arg = strings.TrimSpace(rest)
	}
	if arg == "" {
		return "", usagef("TOKEN is empty")
	}
	return arg, nil
}

// tokenConfig returns the settings of the validator.
func (t tool) tokenConfig(file string) (cfg jwt.Config, err error) {
	vars := map[string]string{}
	if file == "" {
		vars, err = t.serviceVars()
	} else if vars, err = env.File(file); err != nil {
		err = usageError{settingsError(err)}
	}
	if err != nil {
		return cfg, err
	}
	if err := env.Read(&cfg, vars); err != nil {
		return cfg, usageError{settingsError(err)}
	}
	return cfg, nil
}

// tokenVerdict is the output of "edge token check".
type tokenVerdict struct {
	Accepted bool           `json:"accepted"`
	User     string         `json:"user,omitempty"`
	Org      string         `json:"org,omitempty"`
	Expires  string         `json:"expires,omitempty"`
	Code     domain.Code    `json:"code,omitempty"`
	Message  string         `json:"message,omitempty"`
	Details  map[string]any `json:"details,omitempty"`
	Advice   string         `json:"advice,omitempty"`
	// Header and Claims are what the token contains. Nothing has verified them if the token
	// is refused.
	Header map[string]any `json:"header,omitempty"`
	Claims map[string]any `json:"claims,omitempty"`
}

// printVerdict prints what the services say. It returns errReported for a refused token.
func (t tool) printVerdict(c jwt.Config, token string, caller domain.Caller, err error) error {
	verdict := tokenVerdict{Accepted: err == nil, Header: tokenPart(token, 0), Claims: tokenPart(token, 1)}
	if err == nil {
		verdict.User, verdict.Org = string(caller.User), caller.Org
		verdict.Expires = caller.Expires.UTC().Format(time.RFC3339)
	} else {
		e := domain.As(err)
		verdict.Code, verdict.Message, verdict.Details, verdict.Advice = e.Code, e.Message, e.PublicDetails(), tokenAdvice(c, e)
	}
	if *t.json {
		if failed := t.writeJSON(verdict); failed != nil || err == nil {
			return failed
		}
		return errReported
	}
	t.printVerdictText(verdict)
	if err != nil {
		return errReported
	}
	return nil
}

func (t tool) printVerdictText(v tokenVerdict) {
	if v.Accepted {
		expires, _ := time.Parse(time.RFC3339, v.Expires)
		t.printf("%s: the services accept this token\n  user     %s\n  org      %s\n  expires  %s (in %s)\n",
			t.paint(green, "accepted"), v.User, v.Org, v.Expires, time.Until(expires).Round(time.Second))
		return
	}
	t.printf("%s: %s (%s)\n", t.paint(red, "refused"), v.Message, v.Code)
	for _, name := range slices.Sorted(maps.Keys(v.Details)) {
		t.printf("  %s: %v\n", name, v.Details[name])
	}
	t.printf("  %s\n", v.Advice)
	for _, part := range []struct {
		name    string
		members map[string]any
	}{{"header", v.Header}, {"claims", v.Claims}} {
		for _, name := range slices.Sorted(maps.Keys(part.members)) {
			text, _ := json.Marshal(part.members[name]) // it was JSON
			t.printf("  %s.%s: %s\n", part.name, name, text)
		}
	}
}

// tokenPart decodes one part of a token without verifying it; nil if it is no JSON object.
func tokenPart(token string, index int) (members map[string]any) {
	parts := strings.Split(token, ".")
	if index >= len(parts) {
		return nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[index])
	if err != nil || json.Unmarshal(raw, &members) != nil {
		return nil
	}
	return members
}

// tokenAdvice says what to do about a refused token.
func tokenAdvice(c jwt.Config, e *domain.Error) string {
	switch e.Reason {
	case domain.ReasonExpired:
		return "Get a new token, or compare the clocks: \"edge doctor\" does."
	case domain.ReasonNotYetValid:
		return "Its nbf or iat is in the future. Compare the clocks of the issuer and of the services."
	case domain.ReasonSignature:
		return "It was signed with another key. Compare JWT_SECRET_KEY, or the public key, with that of the issuer."
	case domain.ReasonAlgorithm:
		return fmt.Sprintf("The services accept only %s (JWT_ALGORITHM).", c.Algorithm)
	case domain.ReasonAudience:
		return fmt.Sprintf("The services require the audience %q (JWT_AUDIENCE).", c.Audience)
	case domain.ReasonIssuer:
		return fmt.Sprintf("The services require the issuer %q (JWT_ISSUER).", c.Issuer)
	case domain.ReasonKey:
		return "The key set does not contain its kid. Look whether the issuer publishes that key at JWT_JWKS_URL."
	case domain.ReasonRefreshToken:
		return "It is a refresh token. Send the access token."
	case domain.ReasonNoExpiry, domain.ReasonNoSubject, domain.ReasonSubject:
		return "The issuer must set the claims exp and sub; sub has 1 to 255 characters."
	}
	if e.Code != domain.AuthenticationError {
		return "The keys cannot be loaded from JWT_JWKS_URL: the services answer 503. \"edge doctor\" says more."
	}
	return "It is not a JWT in the compact form: three parts in base64url without padding, separated by dots."
}
