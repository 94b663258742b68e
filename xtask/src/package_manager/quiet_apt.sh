# Installs a Debian package so that no server runs afterwards that did not run before.
#
# Debian's server packages start their service when they are installed, and PostgreSQL's also makes
# a cluster for it. Both have a documented way to be told not to, by a file; the files that this
# script makes are gone when it ends.
set -eu
package=$1

policy=/usr/sbin/policy-rc.d
clusters=/etc/postgresql-common/createcluster.d
no_cluster=$clusters/chaos-harness.conf
made_policy=
made_no_cluster=

restore() {
    if [ -n "$made_policy" ]; then rm -f "$policy"; fi
    if [ -n "$made_no_cluster" ]; then
        rm -f "$no_cluster"
        # Both stay unless they are empty.
        rmdir "$clusters" /etc/postgresql-common 2>/dev/null || true
    fi
}
trap restore EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

if [ ! -e "$policy" ]; then
    made_policy=yes
    # Should this script be killed, services are started as usual although the file is still there.
    printf '#!/bin/sh\nif kill -0 %s 2>/dev/null; then exit 101; fi\nexit 0\n' "$$" >"$policy"
    chmod 755 "$policy"
fi
if [ "$package" = postgresql ]; then
    if [ ! -e "$no_cluster" ]; then
        mkdir -p "$clusters"
        made_no_cluster=yes
        echo 'create_main_cluster = false' >"$no_cluster"
    fi
fi

export DEBIAN_FRONTEND=noninteractive
# Waits for another installation to end instead of failing.
lock=DPkg::Lock::Timeout=120
# One repository that does not answer is no reason to give up: the package may be known already.
apt-get -o "$lock" -qq update || true
apt-get -o "$lock" -qq -o Dpkg::Use-Pty=0 install --yes --no-install-recommends "$package" </dev/null

if [ "$package" = redis-server ]; then
    # It was installed for the tests, which start their own: it is not to come up at the next boot.
    update-rc.d redis-server disable >/dev/null 2>&1 || true
fi
