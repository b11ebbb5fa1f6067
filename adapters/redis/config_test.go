package redis_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/redis"
	"github.com/huleedu/edge/domain"
)

func TestOpenAcceptsEveryFormOfURL(t *testing.T) {
	for url, address := range map[string]string{
		"redis://localhost:6379":                                           "redis://***:***",
		"redis://anna:s3cret@host:6379/2":                                  "redis://***:***@host:6379",
		"redis://:s3cret@host:6379":                                        "redis://***:***@host:6379",
		"rediss://host:6380":                                               "rediss://***:***",
		"redis://u:s3cret@n1:7000?addr=n2:7001&addr=n3:7002":               "redis://***:***@n1:7000",
		"redis://s1:26379?addr=s2:26379&master_name=main&password=s3cret":  "redis://***:***",
		"rediss://u:s3cret@s1:26379/1?addr=s2:26379&master_name=main&db=1": "rediss://***:***@s1:26379",
	} {
		c, err := redis.Open(settings(url))
		require.NoError(t, err, url)
		require.Equal(t, address, c.Address())
		require.NoError(t, c.Close())
	}
}

func TestOpenRejectsInvalidURLs(t *testing.T) {
	for _, url := range []string{
		"", "s3cret", "http://u:s3cret@h:1", "redis://u:s3cret@h:port", "redis://u:s3cret@h:1/x", "redis://u:s3cret@h:1?unknown=1",
		"redis://u:s3cret@h:1?addr=s3cret", "redis://h:1?master_name=m&addr=s3cret", "unix:///s3cret", "redis://u:s3cret%zz@h",
	} {
		_, err := redis.Open(settings(url))
		require.Equal(t, domain.ConfigurationError, domain.CodeOf(err), url)
		require.NotContains(t, err.Error(), "s3cret")
	}
}

func TestProblemsAreReportedAtOnce(t *testing.T) {
	problems := redis.Config{URL: "nowhere"}.Problems(domain.Production)
	require.Len(t, problems, 3)
	for _, p := range problems {
		require.Equal(t, domain.ConfigurationError, domain.CodeOf(p))
	}
	require.Len(t, redis.ListenerConfig{}.Problems(domain.Production), 3)
	require.Len(t, redis.NotifierConfig{MinReplicas: -1}.Problems(domain.Production), 3)
	require.Empty(t, listenerConfig().Problems(domain.Production))
	require.Empty(t, notifierConfig().Problems(domain.Production))
}

func TestCAFileMustHoldACertificateAndBeUsed(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(empty, []byte("nothing"), 0o600))
	for url, file := range map[string]string{"rediss://h:1": empty, "rediss://h:2": empty + ".absent", "redis://h:1": empty} {
		c := settings(url)
		c.CAFile = file
		var e *domain.Error
		_, err := redis.Open(c)
		require.ErrorAs(t, err, &e)
		require.Equal(t, "REDIS_CA_FILE", e.Setting)
	}
}

func TestEffectivePrefix(t *testing.T) {
	for _, row := range []struct {
		now, old string
		want     redis.ChannelPrefix
	}{{"ws:", "", "ws:"}, {"ws:", "x", "x:"}, {"new:", "x", "new:"}, {"", "x", "x:"}} {
		require.Equal(t, row.want, redis.ListenerConfig{ChannelPrefix: row.now, OldChannelPrefix: row.old}.Prefix())
	}
	for _, bad := range []string{"", "w", "ws", "wsctl:", "wsctl:x"} {
		c := listenerConfig()
		c.ChannelPrefix = bad
		require.Len(t, c.Problems(domain.Production), 1, bad)
	}
}

func FuzzAddress(f *testing.F) {
	f.Add("redis://u:p@h:1/0?addr=a:1")
	f.Add("rediss://h?master_name=m&username=%00")
	f.Fuzz(func(t *testing.T, url string) {
		for _, p := range settings(url).Problems(domain.Production) {
			require.LessOrEqual(t, len(p.Error()), 200)
			require.True(t, len(url) < 20 || !strings.Contains(p.Error(), url))
		}
	})
}
