#!/bin/sh
# The failures of this host are in its metrics.
set -eux
metrics=/srv/seeing/metrics/filedrop.prom
case $(hostname) in
client12)
    grep '^filedrop_files_not_taken{.*job="orders".*} 1$' $metrics
    grep '^filedrop_job_due_timestamp_seconds{.*job="stopped"' $metrics # an alert compares it with the time
    ;;
client13)
    grep '^filedrop_job_problem{.*job="daily".*reason="expectation_missed".*} 3$' $metrics
    grep '^filedrop_job_problem{.*job="bulk".*reason="stop_above".*} 3$' $metrics
    ;;
dropbox13)
    awk -v now="$(date +%s)" '/^filedrop_job_last_run_timestamp_seconds{.*job="mirror"/ && $NF - now > 300 { found = 1 } END { exit !found }' $metrics
    ;;
esac
