# Completion for bash. Load it with:  source <(./guanxi completion bash)
# The program says at every press of the key what fits, from the definitions of its verbs; where nothing does, bash offers files.

_guanxi() {
    local program=${COMP_WORDS[0]/#\~/$HOME} line=${COMP_LINE:0:COMP_POINT}
    mapfile -t COMPREPLY < <("$program" '[suggest]' "guanxi ${line#*[[:space:]]}" 2>/dev/null </dev/null)
}

complete -o default -F _guanxi guanxi
