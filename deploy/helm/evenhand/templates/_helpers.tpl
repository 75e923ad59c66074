{{/* Write an object: in the release's namespace, with the labels of the base and of Helm. Takes root and object. */}}
{{- define "evenhand.object" -}}
{{- $root := .root }}
{{- $metadata := .object.metadata }}
{{- $helm := dict "app.kubernetes.io/managed-by" $root.Release.Service "app.kubernetes.io/instance" $root.Release.Name "helm.sh/chart" (printf "%s-%s" $root.Chart.Name $root.Chart.Version) }}
{{- $_ := set $metadata "namespace" $root.Release.Namespace }}
{{- $_ := set $metadata "labels" (merge (dict) ($metadata.labels | default dict) (include "evenhand.labels" $root | fromYaml) $helm) }}
{{- toYaml .object }}
{{- end }}

{{/* The labels of every object, as the base has them. */}}
{{- define "evenhand.labels" -}}
{{- (index (.Files.Get "files/base/kustomization.yaml" | fromYaml).labels 0).pairs | toYaml }}
{{- end }}

{{/* The service's settings: the base's, the component's for traces, and those of the installation. */}}
{{- define "evenhand.settings" -}}
{{- $settings := dict }}
{{- $lines := .Files.Lines "files/base/settings.env" }}
{{- if .Values.tracing.enabled }}
{{- $component := .Files.Get "files/tracing/kustomization.yaml" | fromYaml }}
{{- $lines = concat $lines (index $component.configMapGenerator 0).literals }}
{{- end }}
{{- range $line := $lines }}
{{- if and (contains "=" $line) (not (hasPrefix "#" $line)) }}
{{- $pair := regexSplit "=" $line 2 }}
{{- $_ := set $settings (index $pair 0) (index $pair 1) }}
{{- end }}
{{- end }}
{{- if and .Values.tracing.enabled .Values.tracing.endpoint }}
{{- $_ := set $settings "EVENHAND_TRACES_ENDPOINT" .Values.tracing.endpoint }}
{{- end }}
{{- mergeOverwrite $settings .Values.settings | toYaml }}
{{- end }}

{{- define "evenhand.image" -}}
{{- with .Values.image }}
{{- if .digest }}
{{- printf "%s@%s" .repository .digest }}
{{- else }}
{{- printf "%s:%s" .repository (.tag | default $.Chart.AppVersion) }}
{{- end }}
{{- end }}
{{- end }}
