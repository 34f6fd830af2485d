#!/usr/bin/env bash
# What `filedrop status` tells of a host whose timers, files and units somebody breaks. Arguments: two jobs; the account of
# the first one has a secret that systemd hands over.
set -euxo pipefail

job=$1
other=$2
account=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["account"])' "/etc/filedrop/jobs/$job.json")

# The codes of what is wrong with a job.
reasons() {
    { filedrop status "$@" --json || true; } |
        python3 -c 'import json, sys; print(*(p["reason"] for j in json.load(sys.stdin)["jobs"] for p in j["problems"]))'
}

has() {
    local code=$1
    shift
    [[ " $(reasons "$@") " == *" $code "* ]]
}

has_not() {
    if has "$@"; then
        exit 1
    fi
}

start() {
    systemctl start "filedrop@$job.service" || true
    systemctl show --property=Result,ExecMainStatus "filedrop@$job.service"
}

before=$(reasons "$other")
for code in timer_stopped timer_disabled timer_missing unit_failed file_missing file_malformed overdue; do
    has_not "$code" "$job" "$other"
done

# A timer that is stopped, and one that the next boot does not start.
systemctl stop "filedrop@$job.timer"
has timer_stopped "$job"
[[ $(filedrop status "$job" 2>&1 || true) == *"systemctl enable --now filedrop@$job.timer"* ]]
status=0
filedrop status "$job" >/dev/null || status=$?
((status == 3))
systemctl start "filedrop@$job.timer"
systemctl disable "filedrop@$job.timer"
has timer_disabled "$job"
systemctl enable --now "filedrop@$job.timer"
has_not timer_stopped "$job"
has_not timer_disabled "$job"

# An account's file that is broken, and one that is gone.
for change in 'echo "{" >' 'rm'; do
    cp --preserve "/etc/filedrop/accounts/$account.json" /root/kept.json
    eval "$change /etc/filedrop/accounts/$account.json"
    has "$([[ $change == rm ]] && echo file_missing || echo file_malformed)" "$job"
    mv /root/kept.json "/etc/filedrop/accounts/$account.json"
done

# A job's file that is gone, while its timer goes on.
mv "/etc/filedrop/jobs/$job.json" /root/kept.json
[[ $(filedrop status || true) == *"$job: job_missing: "* ]]
mv /root/kept.json "/etc/filedrop/jobs/$job.json"

# The service that all jobs share is gone, while the timers go on.
mv /etc/systemd/system/filedrop@.service /root/kept.service
systemctl daemon-reload
has service_missing "$job"
has service_missing "$other"
mv /root/kept.service /etc/systemd/system/filedrop@.service
systemctl daemon-reload
has_not service_missing "$job"

# A secret that is gone, a user who does not exist, a command that is none: no run begins.
fails() {
    start
    has unit_failed "$job"
    [[ $(filedrop status "$job" || true) == *"$1"* ]]
}

mv "/etc/filedrop/keys/$account" /root/kept
fails CREDENTIALS
mv /root/kept "/etc/filedrop/keys/$account"
broken=/etc/systemd/system/filedrop@$job.service.d/zz.conf
for line in USER:User=nobody-of-that-name EXEC:ExecStart=/nonexistent; do
    printf '[Service]\nExecStart=\n%s\n' "${line#*:}" >"$broken"
    [[ $line == EXEC:* ]] || sed -i '/^ExecStart=$/d' "$broken"
    systemctl daemon-reload
    fails "${line%%:*}"
done
rm "$broken"
systemctl daemon-reload

# A run that the ledger knows ends all that, and nothing was said of the other job.
start
has_not unit_failed "$job"
[[ $(reasons "$other") == "$before" ]]
