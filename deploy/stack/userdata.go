package stack

import _ "embed"

//go:embed userdata.sh
var userData string

// UserData is the script that makes an instance a member of the cluster.
func UserData(cluster string) string { return userDataHead + "cluster='" + cluster + "'\n" + userData }

const userDataHead = "#!/bin/bash\n"

// userDataFor is UserData for the cluster that the stack's parameter names.
// Only its own line goes through Fn::Sub: the shell's ${…} are its own.
func userDataFor() fn {
	return fn{"Fn::Base64": join("", []any{userDataHead, sub("cluster='${ECSClusterName}'\n"), userData})}
}
