{{/* The metadata of an object; the argument is the list of the root context and the name. */}}
{{- define "edge.metadata" -}}
name: {{ index . 1 }}
namespace: {{ (index . 0).Release.Namespace }}
labels: {app.kubernetes.io/part-of: huleedu-edge}
{{- end }}

{{/* The selector of the pods of both services. */}}
{{- define "edge.bothServices" -}}
matchExpressions:
  - {key: app.kubernetes.io/name, operator: In, values: [{{ .Release.Name }}-gateway, {{ .Release.Name }}-websocket]}
{{- end }}
