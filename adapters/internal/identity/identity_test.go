package identity_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/internal/identity"
	"github.com/huleedu/edge/domain"
)

func TestIdentityIsEncodedForHeaders(t *testing.T) {
	for caller, want := range map[domain.Caller]identity.Fields{
		{User: "anna"}:                      {User: "anna"},
		{User: "anna", Org: "school north"}: {User: "anna", Org: "school north"},
		{User: "a%20b"}:                     {User: "a%20b"},
		{User: "åsa", Org: "school-north"}:  {User: "%C3%A5sa", Org: "school-north", Encoding: "url"},
		{User: "anna", Org: "skola ö"}:      {User: "anna", Org: "skola%20%C3%B6", Encoding: "url"},
		{User: " anna"}:                     {User: "%20anna", Encoding: "url"},
		{User: "anna "}:                     {User: "anna%20", Encoding: "url"},
		{User: "anna\x7f"}:                  {User: "anna%7F", Encoding: "url"},
		{User: "100%", Org: "å"}:            {User: "100%25", Org: "%C3%A5", Encoding: "url"},
	} {
		require.Equal(t, want, identity.Of(caller), caller)
	}
}
