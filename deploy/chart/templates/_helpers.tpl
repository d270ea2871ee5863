{{- define "floe.name" -}}
{{- if contains "floe" .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-floe" .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end }}

{{- define "floe.selector" -}}
app.kubernetes.io/name: floe
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "floe.labels" -}}
{{ include "floe.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- /* The text of manifest.yaml. Pods have no state of their own, so it must name a database. */ -}}
{{- define "floe.manifest" -}}
{{- $read := fromYaml .Values.manifest -}}
{{- if hasKey $read "Error" -}}
{{- fail (printf "manifest is not YAML: %s" $read.Error) -}}
{{- end -}}
{{- $state := default dict $read.state -}}
{{- if not $state.url -}}
{{- fail "manifest has no state.url: several servers need PostgreSQL (docs/scaling.md)" -}}
{{- end -}}
{{- if ne (default "" $state.dir) "/var/lib/floe" -}}
{{- fail "manifest must set state.dir: /var/lib/floe, the only directory that a pod can write to" -}}
{{- end -}}
{{- .Values.manifest -}}
{{- end }}

{{- /* What the container and its migration have in common. */ -}}
{{- define "floe.container" -}}
image: "{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}"
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- with .Values.secrets }}
envFrom:
  {{- range . }}
  - secretRef: {name: {{ . | quote }}}
  {{- end }}
{{- end }}
resources: {{- toYaml .Values.resources | nindent 2 }}
volumeMounts:
  - {name: manifest, mountPath: /etc/floe, readOnly: true}
  - {name: state, mountPath: /var/lib/floe}
  - {name: tmp, mountPath: /tmp}
  {{- range .Values.secretFiles }}
  - {name: {{ printf "secret-%s" . }}, mountPath: {{ printf "/run/secrets/%s" . }}, readOnly: true}
  {{- end }}
{{- end }}
