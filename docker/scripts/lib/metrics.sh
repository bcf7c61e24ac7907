# shellcheck shell=bash
# Metrics for node-exporter's textfile collector. Sourced after common.sh.

# write_metrics NAME: standard input becomes NAME.prom in one step; the collector never sees half of it.
write_metrics() {
    local folder temporary
    folder=$(metrics_dir)
    mkdir -p "$folder"
    temporary=$(mktemp "$folder/.$1.XXXXXX")
    cat >"$temporary"
    # The collector runs as another user.
    chmod 0644 "$temporary"
    mv -f "$temporary" "$folder/$1.prom"
}

# read_metric NAME METRIC: the value written last; nothing when there is none.
read_metric() {
    local file
    file=$(metrics_dir)/$1.prom
    if [[ -r $file ]]; then awk -v metric="$2" '$1 == metric { print $2 }' "$file"; fi
}
