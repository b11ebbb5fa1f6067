package env

import (
	"errors"
	"io/fs"
	"maps"
	"strings"

	"github.com/joho/godotenv"

	"github.com/huleedu/edge/domain"
)

// environmentName is the variable of the domain.Environment.
const environmentName = "ENVIRONMENT"

// Vars converts the result of os.Environ to a map for Read.
func Vars(environ []string) map[string]string {
	vars := make(map[string]string, len(environ))
	for _, one := range environ {
		if name, value, found := strings.Cut(one, "="); found {
			vars[name] = value
		}
	}
	return vars
}

// DotEnv returns vars with the variables of the file added. A variable of vars has
// precedence, also when it is empty. A missing file adds nothing. In production the
// file is not read. A file that sets ENVIRONMENT=production, or that cannot be read, is
// a CONFIGURATION_ERROR. Errors do not quote the file.
func DotEnv(path string, vars map[string]string) (map[string]string, error) {
	if vars[environmentName] == string(domain.Production) {
		return vars, nil
	}
	added, err := File(path)
	if errors.Is(err, fs.ErrNotExist) {
		return vars, nil
	}
	if err != nil {
		return nil, err
	}
	maps.Copy(added, vars)
	if added[environmentName] == string(domain.Production) {
		return nil, domain.Misconfigured(path, "must not set "+environmentName+"=production: production reads no such file")
	}
	return added, nil
}

// File reads a .env file with lines NAME=value. Its error is a CONFIGURATION_ERROR that
// does not quote the file.
func File(path string) (map[string]string, error) {
	vars, err := godotenv.Read(path)
	if unreadable, is := errors.AsType[*fs.PathError](err); is {
		return nil, domain.Misconfigured(path, "cannot be read").WithCause(unreadable)
	}
	if err != nil {
		return nil, domain.Misconfigured(path, "is not in the form NAME=value")
	}
	return vars, nil
}
