#!/bin/sh
# Install Sheetwatch as a service on 64-bit Debian 12 or 13, Raspberry Pi OS included. Run as root, as often as you like.
#
#   sh deploy/install.sh install [options]     install, or bring an installation to this version (`upgrade` is the same)
#   sh deploy/install.sh rollback              go back to the version before; again: forward
#   sh deploy/install.sh uninstall [--purge]   remove the program; with --purge also configuration, ledger and scans
#
#   --dry-run       print every step and do none
#   --wheel FILE    install this wheel, not the checkout around this script
#   --samba         share inbox, review and results with Samba
#   --web           serve the operator's pages
#   --no-start      install and enable, start nothing
#
# Packages come from wherever pip and apt are told to look.
set -eu
umask 022

program=/opt/sheetwatch
configuration=/etc/sheetwatch
state=/var/lib/sheetwatch
folders=/srv/sheetwatch
units=/usr/local/lib/systemd/system
user=sheetwatch
scanner=sheetwatch-scanner
operators=sheetwatch-operators
include_line="include = /etc/samba/sheetwatch.conf"
here=$(cd "$(dirname "$0")" && pwd)

dry_run='' wheel='' samba='' web='' start=yes purge=''

fail() {
    echo "install.sh: $1" >&2
    exit "${2:-1}"
}

usage() {
    sed -n '2,14p' "$0" | sed 's/^# \{0,1\}//' >&2
    exit 64
}

say() { echo "== $1"; }

# Do one step, or only print it.
run() {
    if [ -n "$dry_run" ]; then
        echo "   $*"
    else
        "$@"
    fi
}

# Give a file its content in one rename: put FILE MODE GROUP, content from stdin.
put() {
    if [ -n "$dry_run" ]; then
        echo "   write $1 ($2 root:$3)"
        cat >/dev/null
        return
    fi
    cat >"$1.new"
    chown "root:$3" "$1.new"
    chmod "$2" "$1.new"
    mv -T "$1.new" "$1"
}

# A folder that is there already keeps its owner and rights: somebody may have mounted a share on it.
folder() {
    [ -d "$1" ] || run install -d -m "$2" -o "$3" -g "$4" "$1"
}

link() {
    run ln -sfn "$1" "$2.new"
    run mv -T "$2.new" "$2"
}

booted() { [ -d /run/systemd/system ]; }

version_of() { readlink "$program/$1" 2>/dev/null || true; }

# --- what this machine must be -------------------------------------------------------------------------------------

check_machine() {
    [ -n "$dry_run" ] || [ "$(id -u)" -eq 0 ] || fail "must run as root: sudo sh $0 ..." 77
    command -v dpkg >/dev/null || fail "needs Debian 12 or 13, or Raspberry Pi OS"
    case $(dpkg --print-architecture) in
    amd64 | arm64) ;;
    *) fail "needs a 64-bit system (amd64 or arm64), this is $(dpkg --print-architecture): \
there are no packages of OpenCV and the interpreter for it. On a Raspberry Pi 3, 4 or 5 install the 64-bit Raspberry Pi OS" ;;
    esac
}

one_at_a_time() {
    [ -z "$dry_run" ] || return 0
    exec 9>/run/sheetwatch-install.lock
    flock -n 9 || fail "another install.sh is at work"
}

install_packages() {
    missing=''
    for package in "$@"; do
        dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing="$missing $package"
    done
    [ -n "$missing" ] || return 0
    say "packages:$missing"
    run apt-get update -qq
    # shellcheck disable=SC2086 # a list of words
    run env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing
}

check_python() {
    [ -n "$dry_run" ] && ! command -v python3 >/dev/null && return
    /usr/bin/python3 -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' ||
        fail "needs Python 3.11, 3.12 or 3.13; /usr/bin/python3 is $(/usr/bin/python3 -V 2>&1)"
}

# --- one version ---------------------------------------------------------------------------------------------------

# Its name: the version, and a digest of everything that goes into it. The same content is not installed twice.
choose_version() {
    if [ -n "$wheel" ]; then
        number=$(basename "$wheel" | cut -d- -f2)
        digest=$(cd "$here" && cat "$wheel" requirements/service.txt ./*.service install.sh | sha256sum)
    else
        source=$(dirname "$here")
        [ -f "$source/pyproject.toml" ] || fail "there is no checkout around $here; name a wheel: --wheel FILE" 64
        number=$(sed -n 's/^version = "\(.*\)"$/\1/p' "$source/pyproject.toml")
        digest=$(cd "$source" && find daemon config models deploy pyproject.toml -type f ! -path '*/__pycache__/*' \
            -exec sha256sum {} + | LC_ALL=C sort | sha256sum)
    fi
    python=$(/usr/bin/python3 -c 'import sys; print("py%d.%d" % sys.version_info[:2])' 2>/dev/null || echo py3)
    version=$number-$(echo "$digest" | cut -c1-8)-$python
    target=$program/$version
}

build_version() {
    if [ -f "$target/complete" ]; then
        say "$version is there already"
        return
    fi
    say "$version into $target"
    run rm -rf "$target"
    run install -d -m 0755 "$program"
    run /usr/bin/python3 -m venv "$target"
    # Not in /tmp: it may be small and in memory.
    run install -d -m 0700 "$target/tmp"
    pip_install --require-hashes --only-binary :all: -r "$here/requirements/service.txt"
    if [ -n "$wheel" ]; then
        pip_install --no-deps "$wheel"
    else
        pip_install --no-deps --no-build-isolation "$source"
    fi
    link_systemd_module
    run install -d -m 0755 "$target/share/sheetwatch"
    run cp -r "$here/." "$target/share/sheetwatch/"
    run rm -rf "$target/tmp"
    run sync -f "$program"
    run touch "$target/complete"
}

pip_install() {
    run env TMPDIR="$target/tmp" "$target/bin/python" -m pip install --quiet --no-cache-dir --disable-pip-version-check \
        --root-user-action=ignore "$@"
}

# Debian's own build, for the same interpreter: the journal's fields without a compiler on the box.
link_systemd_module() {
    for site in "$target"/lib/python3*/site-packages; do
        run ln -sfn /usr/lib/python3/dist-packages/systemd "$site/systemd"
    done
}

# A configuration that the version cannot use, or a ledger that it cannot open, must show before it is switched to.
check_version() {
    [ -z "$dry_run" ] || return 0
    if ! findings=$(try_out check 2>&1); then
        echo "$findings" >&2
        fail "$1 cannot work here (above); what was installed before is as it was"
    fi
    [ ! -f "$state/sheetwatch.db" ] || try_out status >/dev/null || [ $? -eq 1 ] ||
        fail "$1 cannot open the ledger (above); what was installed before is as it was"
}

try_out() {
    runuser -u "$user" -- "$target/bin/sheetwatch" --config "$configuration/sheetwatch.yaml" "$1"
}

switch_to() {
    before=$(version_of current)
    if [ "$before" != "$1" ]; then
        [ -z "$before" ] || link "$before" "$program/previous"
        link "$1" "$program/current"
    fi
    install_units
}

install_units() {
    run install -d -m 0755 "$units" /usr/local/bin
    from=$program/current/share/sheetwatch
    [ -d "$from" ] || from=$here # a dry run
    for unit in "$units"/sheetwatch*; do
        [ ! -f "$unit" ] || [ -f "$from/$(basename "$unit")" ] || remove_unit "$unit"
    done
    for unit in "$from"/*.service "$from"/*.timer "$from"/*.path; do
        [ ! -f "$unit" ] || run install -m 0644 "$unit" "$units/"
    done
    link "$program/current/bin/sheetwatch" /usr/local/bin/sheetwatch
    if booted; then run systemctl daemon-reload; fi
    run systemctl --quiet enable sheetwatch.service sheetwatch-notify.timer
    [ -z "$web" ] || run systemctl --quiet enable sheetwatch-web.service
}

remove_unit() {
    run systemctl --quiet disable "$(basename "$1")"
    if booted; then run systemctl stop "$(basename "$1")"; fi
    run rm -f "$1"
}

restart() {
    [ -n "$start" ] || return 0
    if ! booted; then
        say "systemd is not running here: the service starts with the machine"
        return
    fi
    say "start"
    run systemctl restart sheetwatch.service || return 1
    run systemctl restart sheetwatch-notify.timer || true
    if systemctl --quiet is-enabled sheetwatch-web.service 2>/dev/null || [ -n "$web" ]; then
        run systemctl restart sheetwatch-web.service || return 1
    fi
}

remove_older_versions() {
    for old in "$program"/*/; do
        name=$(basename "$old")
        case $name in
        current | previous | "$(version_of current)" | "$(version_of previous)") ;;
        *) [ ! -x "$old/bin/python3" ] || run rm -rf "$program/$name" ;;
        esac
    done
}

# --- user, folders, configuration ----------------------------------------------------------------------------------

make_user() {
    getent passwd "$user" >/dev/null && return
    say "user $user"
    run useradd --system --user-group --home-dir "$state" --no-create-home --shell /usr/sbin/nologin "$user"
}

make_folders() {
    folder "$configuration" 0750 root "$user"
    folder "$state" 0750 "$user" "$user"
    folder "$folders" 0755 root root
    folder "$state/templates" 2750 "$user" "$user"
    for name in inbox review results archive; do
        folder "$folders/$name" 2770 "$user" "$user"
    done
    # Where systemd looks for the password of the pages; nothing is there until one is made.
    folder /etc/credstore 0700 root root
    [ -L /etc/credstore/sheetwatch-web-password ] ||
        run ln -s "$configuration/web-password" /etc/credstore/sheetwatch-web-password
}

make_configuration() {
    shipped=$(echo "$target"/lib/python3*/site-packages/sheetwatch/_shipped/config)
    if [ ! -e "$configuration/sheetwatch.yaml" ]; then
        say "configuration in $configuration"
        [ -z "$dry_run" ] || shipped=$(dirname "$here")/config
        [ -n "$dry_run" ] || [ -f "$shipped/sheetwatch.yaml" ] || fail "$target is damaged; remove it and install again"
        sed -e "1s|.*|# The configuration of this installation. No upgrade touches it. After a change: sheetwatch check,|" \
            -e "2s|.*|# then systemctl restart sheetwatch. Every section and key may be left out.|" \
            -e "3s|.*|# Paths are relative to this file.|" \
            -e "s,^inbox: \[inbox\] *,inbox: [$folders/inbox]  ," \
            -e "s,^\(results\|archive\|review\): [a-z]* *,\1: $folders/\1  ," \
            -e "s,^state: state *,state: $state  ," \
            -e "s,^templates: \[templates\] *,templates: [templates\, $state/templates]  ," \
            -e "s,urls_file: null *,urls_file: $configuration/notify-urls  ," \
            "$shipped/sheetwatch.yaml" | put "$configuration/sheetwatch.yaml" 0640 "$user"
    fi
    if [ ! -e "$configuration/templates" ]; then
        run cp -r "$shipped/templates" "$configuration/templates.new"
        run mv -T "$configuration/templates.new" "$configuration/templates"
    fi
}

share_folders() {
    [ -n "$samba" ] || return 0
    install_packages samba
    say "Samba shares"
    getent group "$operators" >/dev/null || run groupadd --system "$operators"
    getent passwd "$scanner" >/dev/null ||
        run useradd --system --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin "$scanner"
    [ -e /etc/samba/sheetwatch.conf ] || put /etc/samba/sheetwatch.conf 0644 root <"$here/samba.conf"
    if ! grep -qxF "$include_line" /etc/samba/smb.conf 2>/dev/null; then
        { cat /etc/samba/smb.conf 2>/dev/null || true; echo "$include_line"; } | put /etc/samba/smb.conf 0644 root
    fi
    run sh -c 'testparm --suppress-prompt /etc/samba/smb.conf >/dev/null 2>&1' ||
        fail "testparm finds fault with /etc/samba/smb.conf"
    if booted && [ -n "$start" ]; then run systemctl restart smbd.service; fi
    echo "   give the scanner its password:   smbpasswd -a $scanner"
    echo "   and each operator, here anna:    useradd -M -s /usr/sbin/nologin -G $operators anna; smbpasswd -a anna"
}

# --- the commands --------------------------------------------------------------------------------------------------

install_or_upgrade() {
    install_packages python3 python3-venv python3-systemd
    check_python
    choose_version
    build_version
    make_user
    make_folders
    make_configuration
    check_version "$version"
    share_folders
    came_from=$(version_of current) before_that=$(version_of previous)
    switch_to "$version"
    if ! restart; then
        case $came_from in
        '' | "$version") fail "the service does not start: journalctl -u sheetwatch" ;;
        esac
        switch_to "$came_from"
        if [ -n "$before_that" ]; then link "$before_that" "$program/previous"; else run rm -f "$program/previous"; fi
        restart || true
        fail "$version does not start (journalctl -u sheetwatch); $came_from is back"
    fi
    remove_older_versions
    say "$version is installed; scans go into $folders/inbox; sudo sheetwatch status"
}

rollback() {
    version=$(version_of previous)
    [ -f "$program/$version/complete" ] || fail "there is no version before this one"
    target=$program/$version
    say "back to $version"
    check_version "$version"
    switch_to "$version"
    restart || fail "$version does not start: journalctl -u sheetwatch"
}

uninstall() {
    for unit in "$units"/sheetwatch*; do
        [ ! -f "$unit" ] || remove_unit "$unit"
    done
    if booted; then run systemctl daemon-reload; fi
    if grep -qxF "$include_line" /etc/samba/smb.conf 2>/dev/null; then
        grep -vxF "$include_line" /etc/samba/smb.conf | put /etc/samba/smb.conf 0644 root
        if booted; then run systemctl try-restart smbd.service; fi
    fi
    run rm -f /usr/local/bin/sheetwatch /etc/credstore/sheetwatch-web-password
    run rm -rf "$program"
    if [ -z "$purge" ]; then
        say "removed; kept: $configuration, $state, $folders and the user $user"
        return
    fi
    # What is mounted there belongs to another machine.
    run rm -rf --one-file-system "$configuration" "$state" "$folders" /etc/samba/sheetwatch.conf
    for name in "$user" "$scanner"; do
        if getent passwd "$name" >/dev/null; then run userdel "$name"; fi
    done
    if getent group "$operators" >/dev/null; then run groupdel "$operators"; fi
    say "removed, with everything that it ever read"
}

main() {
    task=${1:-}
    [ $# -gt 0 ] && shift
    while [ $# -gt 0 ]; do
        case $1 in
        --dry-run) dry_run=yes ;;
        --wheel)
            [ $# -gt 1 ] || usage
            [ -f "$2" ] || fail "$2: there is no such wheel" 64
            wheel=$(readlink -f "$2")
            shift
            ;;
        --samba) samba=yes ;;
        --web) web=yes ;;
        --no-start) start='' ;;
        --purge) purge=yes ;;
        *) usage ;;
        esac
        shift
    done
    case $task in
    install | upgrade | rollback | uninstall) ;;
    *) usage ;;
    esac
    [ -z "$purge" ] || [ "$task" = uninstall ] || usage
    cd /
    check_machine
    one_at_a_time
    case $task in
    rollback) rollback ;;
    uninstall) uninstall ;;
    *) install_or_upgrade ;;
    esac
}

main "$@"
exit
