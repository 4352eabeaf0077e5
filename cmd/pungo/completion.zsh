_pungo() {
    local cur=$PREFIX prev='' command='' dir=. word skip=''
    local -a found
    for word in ${words[2,CURRENT-1]}; do
        case $prev in -C | --dir) dir=$word ;; esac
        case $word in --dir=*) dir=${word#--dir=} ;; esac
        # The word after a flag that takes a value is no command.
        if [[ -z $command && -z $skip && $word != -* ]]; then
            command=$word
        fi
        skip=
        if [[ $word == -* ]] && _pungo_words taking ${command:-build} | grep -q -x -e $word; then
            skip=1
        fi
        prev=$word
    done
    if [[ -z $command ]]; then
        found=(${(f)"$(_pungo_words commands)"})
    elif [[ $cur == --*=* ]]; then
        found=(${(f)"$(_pungo_words values $command ${cur%%=*})"})
        found=(${cur%%=*}=$^found)
    elif [[ $cur == -* && $cur != -[:/]* ]]; then
        found=(${(f)"$(_pungo_words flags $command)"})
    elif [[ -n $skip ]]; then
        found=(${(f)"$(_pungo_words values $command $prev)"})
        (( $#found )) || { _files; return }
    elif _pungo_words targets | grep -q -x -e $command; then
        local -a extra
        [[ $cur == *@* ]] && extra=(--instances)
        found=(${(f)"$($words[1] query --dir=$dir $extra --output=label 2>/dev/null)"})
        [[ $cur == //* || $cur == -//* ]] || found+=(${(f)"$($words[1] query --dir=$dir $extra --output=label :all 2>/dev/null | sed 's|^//[^:]*||')"})
        [[ $cur == -* ]] && found=(-$^found)
    elif _pungo_words files | grep -q -x -e $command; then
        _files
        return
    else
        found=(${(f)"$(_pungo_words arguments $command)"})
    fi
    compadd -S '' -- ${(M)found:#*=}
    compadd -- ${found:#*=}
}

if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    _pungo "$@"
else
    compdef _pungo pungo
fi
