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

// Logs are sampled by level and message, so that lines are lost. Use a metric to count.
const (
	// sampleTick is the time after which the sampling of logs counts from zero again.
	sampleTick = time.Second
	// sampleFirst is the number of equal log lines in each sampleTick that are all written.
	sampleFirst = 100
	// sampleEvery is the number of further equal log lines of which one is written.
	sampleEvery = 100
)

// NewLogger returns the logger of a service. Each line is a JSON object (or a console
// line) with the fields timestamp (UTC, microseconds), level, event (the text) and
// service, then correlation_id, request_id, trace_id and span_id if the context has
// them, then the attributes of the caller. The platform's log pipeline reads these
// names and the levels debug, info, warning and error. w need not be safe for
// concurrent use. An unknown format counts as json, an unknown level as info.
func NewLogger(c Config, s domain.Service, w io.Writer) *slog.Logger {
	level, _ := c.level()
	core := zapcore.NewCore(encoder(c.LogFormat), zapcore.Lock(zapcore.AddSync(w)), level)
	core = core.With([]zapcore.Field{zap.String("service", c.name(s))})
	core = zapcore.NewSamplerWithOptions(core, sampleTick, sampleFirst, sampleEvery)
	// Stack traces are disabled, because the message identifies the log call.
	return slog.New(&contextHandler{base: zapslog.NewHandler(core, zapslog.AddStacktraceAt(math.MaxInt))})
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

// encodeLevel writes the name of the level, as Python's logging spells it: "warning"
// instead of "warn".
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
