# Completion for bash. Load it with:  source <(./guanxi completion bash)
# The program says at every press of the key what fits, from the definitions of its verbs; where nothing does, bash offers files.

_guanxi() {
    local program=${COMP_WORDS[0]/#\~/$HOME} word=${COMP_WORDS[COMP_CWORD]} line=${COMP_LINE:0:COMP_POINT} fitting
    local IFS=$'\n'
    line="guanxi ${line#*[[:space:]]}"
    # bash takes --key=value for three words.
    [[ $word != = ]] || word=
    fitting=$("$program" "[suggest:${#line}]" "$line" 2>/dev/null </dev/null) || return 0
    [[ $word == -* ]] || fitting=$(grep -v '^[-/]' <<<"$fitting")
    COMPREPLY=($(compgen -W "$fitting" -- "$word"))
}

complete -o default -F _guanxi guanxi
