package env

import (
	"errors"
	"io/fs"
	"maps"
	"strings"

	"github.com/joho/godotenv"

	"github.com/huleedu/edge/domain"
)

// environmentName is the variable that says where the process runs.
const environmentName = "ENVIRONMENT"

// Vars turns the lines of os.Environ into a map for Read.
func Vars(environ []string) map[string]string {
	vars := make(map[string]string, len(environ))
	for _, one := range environ {
		if name, value, found := strings.Cut(one, "="); found {
			vars[name] = value
		}
	}
	return vars
}

// DotEnv returns vars with the file's variables added; one that is set already
// wins, also when it is empty. A file that is not there adds nothing. In
// production the file is not read, and it cannot itself declare production:
// that is a CONFIGURATION_ERROR, like a file that cannot be read. Errors do not
// quote the file.
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

// File reads a file of lines NAME=value, as they stand in a .env. Its error is
// a CONFIGURATION_ERROR that does not quote the file.
func File(path string) (map[string]string, error) {
	vars, err := godotenv.Read(path)
	if unreadable, is := errors.AsType[*fs.PathError](err); is {
		return nil, domain.Misconfigured(path, "cannot be read").Because(unreadable)
	}
	if err != nil {
		return nil, domain.Misconfigured(path, "is not in the form NAME=value")
	}
	return vars, nil
}
