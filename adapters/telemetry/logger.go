package telemetry

import (
	"io"
	"log/slog"
	"math"
	"strings"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/exp/zapslog"
	"go.uber.org/zap/zapcore"

	"github.com/huleedu/edge/domain"
)

// A flood is thinned out per level and message: each second the first lines
// are written, then one of so many. What is counted must be a metric.
const (
	sampleTick  = time.Second
	sampleFirst = 100
	sampleEvery = 100
)

// NewLogger returns the service's logger. Each line is one JSON object (or one
// line for people) with the fields timestamp, level, event (the
// text) and service, in UTC with microseconds, then correlation_id, request_id, trace_id and span_id
// as far as the context knows them, then the caller's own. The names and the
// levels (debug, info, warning, error) are those that the platform's log
// pipeline reads. w need not be safe
// for concurrent use. A format that is not known counts as json, a level that
// is not known as info.
func NewLogger(c Config, s domain.Service, w io.Writer) *slog.Logger {
	level, _ := c.level()
	core := zapcore.NewCore(encoder(c.LogFormat), zapcore.Lock(zapcore.AddSync(w)), zapLevel(level))
	thin := zapcore.NewSamplerWithOptions(core, sampleTick, sampleFirst, sampleEvery)
	core = core.With([]zapcore.Field{zap.String("service", c.name(s))})
	// The place of a log call says nothing that its message does not: no stacks.
	inner := zapslog.NewHandler(core, zapslog.AddStacktraceAt(math.MaxInt))
	return slog.New(&contextHandler{sampler: thin, inner: inner})
}

func encoder(format string) zapcore.Encoder {
	c := zapcore.EncoderConfig{
		TimeKey: "timestamp", LevelKey: "level", MessageKey: "event",
		LineEnding: zapcore.DefaultLineEnding, EncodeLevel: encodeLevel,
		EncodeTime: encodeTime, EncodeDuration: zapcore.SecondsDurationEncoder,
	}
	if strings.EqualFold(format, formatConsole) {
		return zapcore.NewConsoleEncoder(c)
	}
	return zapcore.NewJSONEncoder(c)
}

// encodeLevel writes the level's name. Python's logging has "warning" where zap
// has "warn".
func encodeLevel(l zapcore.Level, e zapcore.PrimitiveArrayEncoder) {
	if l == zapcore.WarnLevel {
		e.AppendString("warning")
		return
	}
	e.AppendString(l.String())
}

func encodeTime(t time.Time, e zapcore.PrimitiveArrayEncoder) {
	e.AppendString(t.UTC().Format("2006-01-02T15:04:05.000000Z07:00"))
}

func zapLevel(l slog.Level) zapcore.Level {
	switch l {
	case slog.LevelDebug:
		return zapcore.DebugLevel
	case slog.LevelWarn:
		return zapcore.WarnLevel
	case slog.LevelError:
		return zapcore.ErrorLevel
	default:
		return zapcore.InfoLevel
	}
}
