package dependency

import "net/url"

// Address returns scheme, host and path of a URL, without credentials and query, which can
// contain secrets. It returns "" for a text that is not a URL.
func Address(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}
