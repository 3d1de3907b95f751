{{- define "slowlake.name" -}}
{{- if contains .Chart.Name .Release.Name -}}{{ .Release.Name | trunc 40 | trimSuffix "-" }}{{- else -}}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 40 | trimSuffix "-" }}{{- end -}}
{{- end -}}

{{/* Labels that select the pods of a part: (list . "ingest"). */}}
{{- define "slowlake.selector" -}}
app.kubernetes.io/name: {{ (index . 0).Chart.Name }}
app.kubernetes.io/instance: {{ (index . 0).Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{- define "slowlake.labels" -}}
{{ include "slowlake.selector" . }}
app.kubernetes.io/version: {{ (index . 0).Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ (index . 0).Release.Service }}
helm.sh/chart: {{ printf "%s-%s" (index . 0).Chart.Name (index . 0).Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "slowlake.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}{{ .Values.serviceAccount.name | default (include "slowlake.name" .) }}{{- else -}}{{ .Values.serviceAccount.name | default "default" }}{{- end -}}
{{- end -}}

{{- define "slowlake.lake" -}}
{{- $url := required "lake.url is needed: s3://bucket/prefix or a folder below /lake" .Values.lake.url -}}
{{- if and (hasPrefix "/" $url) (not .Values.lake.volumeClaim) -}}{{ fail "lake.url is a folder: lake.volumeClaim is needed" }}{{- end -}}
{{- if and (hasPrefix "/" $url) (not (hasPrefix "/lake" $url)) -}}{{ fail "lake.url: the volume is mounted at /lake" }}{{- end -}}
{{ $url }}
{{- end -}}

{{- define "slowlake.log" -}}
[log]
level = {{ .Values.log.level | quote }}
format = {{ .Values.log.format | quote }}
{{- end -}}

{{/* What all pods have in common: (list . PART VALUES_OF_PART). */}}
{{- define "slowlake.pod" -}}
{{- $top := index . 0 -}}
{{- $of := index . 2 -}}
serviceAccountName: {{ include "slowlake.serviceAccount" $top }}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with $top.Values.image.pullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
securityContext: {{- toYaml $top.Values.podSecurityContext | nindent 2 }}
{{- with $of.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $of.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $of.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* What all containers have in common: (list . PART VALUES_OF_PART). */}}
{{- define "slowlake.container" -}}
{{- $top := index . 0 -}}
{{- $of := index . 2 -}}
name: {{ index . 1 }}
image: "{{ $top.Values.image.repository }}:{{ $top.Values.image.tag | default $top.Chart.AppVersion }}"
imagePullPolicy: {{ $top.Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: { drop: [ALL] }
resources: {{- toYaml $of.resources | nindent 2 }}
{{- if or $top.Values.lake.credentialsSecret $of.environmentSecret }}
envFrom:
  {{- with $top.Values.lake.credentialsSecret }}
  - secretRef: { name: {{ . }} }
  {{- end }}
  {{- with $of.environmentSecret }}
  - secretRef: { name: {{ . }} }
  {{- end }}
{{- end }}
{{- end -}}

{{- define "slowlake.environment" -}}
- { name: SLOWLAKE_LAKE, value: {{ include "slowlake.lake" . | quote }} }
- { name: TMPDIR, value: /tmp }
{{- end -}}

{{- define "slowlake.mounts" -}}
- { name: tmp, mountPath: /tmp }
{{- if .Values.lake.volumeClaim }}
- { name: lake, mountPath: /lake }
{{- end }}
{{- end -}}

{{/* (list . SIZE_OF_TMP) */}}
{{- define "slowlake.volumes" -}}
- name: tmp
  emptyDir: { sizeLimit: {{ index . 1 }} }
{{- with (index . 0).Values.lake.volumeClaim }}
- name: lake
  persistentVolumeClaim: { claimName: {{ . }} }
{{- end }}
{{- end -}}

{{/* What parts of a cluster prove themselves with. */}}
{{- define "slowlake.clusterOptions" -}}
- --tls-ca=/etc/slowlake/cluster/ca.crt
- --tls-cert=/etc/slowlake/cluster/tls.crt
- --tls-key=/etc/slowlake/cluster/tls.key
{{- end -}}

{{/* With its namespace, so that a certificate of *.….svc has the labels that a wildcard needs. */}}
{{- define "slowlake.scheduler" -}}
https://{{ include "slowlake.name" . }}-scheduler.{{ .Release.Namespace }}.svc:50050
{{- end -}}

{{/* Where those that ask find the cluster, and what they prove themselves with; nothing without one. */}}
{{- define "slowlake.clusterEnvironment" -}}
{{- if .Values.cluster.enabled }}
- { name: SLOWLAKE_CLUSTER, value: {{ include "slowlake.scheduler" . | quote }} }
- { name: SLOWLAKE_CLUSTER_CA, value: /etc/slowlake/cluster/ca.crt }
- { name: SLOWLAKE_CLUSTER_CERT, value: /etc/slowlake/cluster/tls.crt }
- { name: SLOWLAKE_CLUSTER_KEY, value: /etc/slowlake/cluster/tls.key }
{{- end }}
{{- end -}}

{{- define "slowlake.clusterMount" -}}
{{- if .Values.cluster.enabled }}
- { name: cluster, mountPath: /etc/slowlake/cluster, readOnly: true }
{{- end }}
{{- end -}}

{{- define "slowlake.clusterVolume" -}}
{{- if .Values.cluster.enabled }}
- name: cluster
  secret: { secretName: {{ .Values.cluster.tlsSecret }}, defaultMode: 0440 }
{{- end }}
{{- end -}}
