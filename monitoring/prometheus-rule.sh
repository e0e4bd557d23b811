#!/usr/bin/env bash
# Prints the alert rules as an object of the Prometheus operator: prometheus-rule.sh | kubectl apply -f -
set -euo pipefail

cat << 'END'
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: pssp
  labels:
    app.kubernetes.io/part-of: pssp
spec:
END
sed 's/^/  /' "$(dirname "$0")/alerts.yml"
