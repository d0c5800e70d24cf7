# Completion of git-gt, and of git gt, for fish: printed by "git gt completion fish".
# As git-gt.fish in a folder of $fish_complete_path it is found by itself.

# Prints the place of gt among the words typed; fails where git is asked for something else.
function __git_gt_place
    set -l skip 1
    set -l place 0
    for word in (commandline -opc)
        set place (math $place + 1)
        if test $skip = 1
            set skip 0
            continue
        end
        switch $word
            case -C -c --git-dir --work-tree --namespace
                set skip 1
            case '-*'
            case gt
                echo $place
                return 0
            case '*'
                return 1
        end
    end
    return 1
end

function __git_gt_complete
    set -l typed (commandline -opc)
    set -l elsewhere
    if test (count $argv) -gt 0
        set -l place (__git_gt_place); or return
        set -l at (contains -i -- -C $typed[1..$place]); and set elsewhere -C $typed[(math $at + 1)]
        set -e typed[1..$place]
    else
        set -e typed[1]
    end
    set -l found (git-gt $elsewhere complete -- $typed (commandline -ct) 2>/dev/null)
    if test (count $found) -gt 0
        printf '%s\n' $found
    else
        __fish_complete_path (commandline -ct)
    end
end

complete -c git-gt -f -a '(__git_gt_complete)'
complete -c git -n __git_gt_place -f -a '(__git_gt_complete git)'
