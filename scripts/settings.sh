# shellcheck shell=bash
# Sourced by common.sh: what every script does with its arguments and settings.
#
# A setting is a line `: "${NAME:=default}" # meaning` of a script, or of a file that it sources.
# Those lines are the only list: --help prints them, and misspelt names are found by them.

SCRIPTS="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"

PASSED=()   # arguments for the command that the script starts: the last ones there, so they win
EXPORTED=() # what that command reads from the environment, for --dry-run
UNSET=()
IS_DRY_RUN=false

die() {
    echo "error: $*" >&2
    exit 1
}

# read_arguments "$@": once all settings are there, and before anything is checked or started.
read_arguments() {
    local word
    for word in "$@"; do
        case "$word" in
            --help | -h)
                print_help
                exit
                ;;
            --dry-run) IS_DRY_RUN=true ;;
            *) PASSED+=("$word") ;;
        esac
    done
    check_setting_names
}

# export_settings NAME...: for the command.
export_settings() {
    # shellcheck disable=SC2163  # the names are in it
    export "$@"
    EXPORTED+=("$@")
}

# unset_settings NAME...: not for the command.
unset_settings() {
    unset "$@"
    UNSET+=("$@")
}

# start_command WORD...: becomes the command, with the user's arguments behind its own.
start_command() {
    if "$IS_DRY_RUN"; then
        print_command "$@" "${PASSED[@]}"
        exit
    fi
    exec "$@" "${PASSED[@]}"
}

# run_step WORD...: runs a command that comes before the one that the script becomes.
run_step() {
    if "$IS_DRY_RUN"; then print_words "$@"; else "$@"; fi
}

# --- help

# The script $1 and what it sources, in the order of reading.
sourced_files() {
    local name
    while read -r name; do
        sourced_files "$SCRIPTS/$name"
    done < <(sed -nE 's/^\. "\$\(dirname .*\)\/([a-z_]+\.sh)"$/\1/p' "$1")
    echo "$1"
}

# The comment at the beginning of the script $1.
script_header() { sed -nE '2,${/^#/!q; /^# ?shellcheck/d; s/^# ?//p;}' "$1"; }

# print_header_for_help "$@": all of --help where a script has no settings; before it builds anything.
print_header_for_help() {
    [[ " $* " == *" --help "* ]] || return 0
    script_header "$0"
    exit
}

# The settings of the files "$@": lines of NAME, default as written, meaning, separated by tabs.
# The default has `=` before it: an empty field would be lost when it is read.
settings_of() {
    sed -nE 's/^ *: "\$\{([A-Za-z_]+):=(.*)\}"( +# (.*))?$/\1\t=\2\t\4/p' "$@"
}

print_help() {
    local files name default meaning seen=" "
    mapfile -t files < <(sourced_files "$0")
    script_header "$0"
    echo
    echo "Settings, with the values that they have here; NAME=VALUE before the command sets one:"
    while IFS=$'\t' read -r name default meaning; do
        [[ $seen != *" $name "* ]] || continue
        seen+="$name "
        # What is worked out later from other settings is told by its meaning.
        default="${default#=}"
        [[ $default != *'$'* ]] || default=
        printf '  %s=%s\n' "$name" "$(quoted "${!name-$default}")"
        [ -z "$meaning" ] || printf '      %s\n' "$meaning"
    done < <(settings_of "${files[@]}")
    echo
    echo "  --dry-run   print the command with its environment, and start nothing"
    echo "Further arguments go to the command, behind its own: there the last one wins."
    echo "The plugin's DEEPEYES_* settings: swift_deepeyes/README.md"
}

# --- dry run

# $1 as a word of the shell.
quoted() {
    if [[ $1 =~ ^[A-Za-z0-9_./:,=@%+-]*$ ]]; then
        printf '%s' "$1"
    else
        printf '%s' "${1@Q}"
    fi
}

# The command "$@" with its environment, a flag with its values on each line.
print_command() {
    local name names
    mapfile -t names < <(printf '%s\n' "${EXPORTED[@]}" "${!DEEPEYES_@}" | sort -u)
    printf 'env'
    for name in "${UNSET[@]}"; do printf ' -u %s' "$name"; done
    for name in "${names[@]}"; do
        [ -n "${!name-}" ] || continue
        printf ' \\\n    %s=%s' "$name" "$(environment_value "$name")"
    done
    printf ' \\\n    '
    print_words "$@"
}

# The command "$@" as it can be pasted.
print_words() {
    printf '%s' "$1"
    local word
    for word in "${@:2}"; do
        if [[ $word == --* ]]; then printf ' \\\n    '; else printf ' '; fi
        quoted "$word"
    done
    echo
}

# A key is not shown, only where it comes from.
environment_value() {
    # shellcheck disable=SC2016  # a reference, for the shell that reads it
    if [[ $1 == *_KEY ]]; then printf '"$%s"' "$1"; else quoted "${!1}"; fi
}

# --- misspelt names

# A variable whose name is nearly one of our settings' is an error where it was given for this
# command or in this shell. It is a warning where the shell was started with it, as a batch system
# or a container does, and where the name is short: then it may be another program's.
check_setting_names() {
    local name setting
    while read -r name setting; do
        if [ "${#setting}" -gt 5 ] && is_given_here "$name"; then
            die "$name is not a setting; did you mean $setting? Correct it, or unset $name."
        fi
        echo "warning: $name is not a setting; did you mean $setting?" >&2
    done < <(misspelt_names)
}

# Whether the program that started this script was itself started without the variable $1.
is_given_here() {
    local environment="/proc/$PPID/environ"
    [ -r "$environment" ] && ! tr '\0' '\n' <"$environment" | grep -q "^$1="
}

# Lines of NAME SETTING, of exported names that are a slip away from a setting's.
misspelt_names() {
    {
        find "$SCRIPTS" -name '*.sh' -exec cat {} + | settings_of | cut -f1 | sort -u | sed 's/^/setting /'
        compgen -e | sed 's/^/variable /'
    } | awk -f "$SCRIPTS/nearest_names.awk"
}
