package stack

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestUserDataShellcheck holds the script to shellcheck, with no check left
// out.
func TestUserDataShellcheck(t *testing.T) {
	check, err := exec.LookPath("shellcheck")
	if err != nil {
		t.Skip("shellcheck is not installed")
	}
	if strings.Contains(userData, "shellcheck disable") {
		t.Error("the script suppresses a check")
	}
	cmd := exec.Command(check, "-")
	cmd.Stdin = strings.NewReader(UserData("cluster"))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestUserDataInTemplate holds that the instance gets the script as it is
// tested here, and that it is not too long.
func TestUserDataInTemplate(t *testing.T) {
	for name, r := range everySide(t) {
		if r.resources["LaunchTemplate"] == nil {
			continue
		}
		got, _ := r.at("LaunchTemplate.LaunchTemplateData.UserData").(string)
		cluster, _, _ := strings.Cut(strings.TrimPrefix(got, userDataHead+"cluster='"), "'")
		if got != UserData(cluster) || cluster == "" {
			t.Errorf("%s: the instance gets another script:\n%s", name, got)
		}
		if len(got) > 16<<10 { // "Instance user data" in the EC2 User Guide
			t.Errorf("%s: %d bytes of user data", name, len(got))
		}
	}
}

// machine is an instance as its commands tell of it.
type machine struct {
	disks     string   // lsblk: name and model, a line each
	root      string   // lsblk --inverse: what lies under /
	ephemeral []string // metadata: "ephemeral0 sdb"
	// absent commands; failing ones
	absent, failing []string
}

const (
	ebs   = "Amazon Elastic Block Store"
	store = "Amazon EC2 NVMe Instance Storage"
)

func TestUserData(t *testing.T) {
	nvmeRoot := "/dev/nvme0n1p1\n/dev/nvme0n1"
	tests := []struct {
		name string
		m    machine
		// want are the commands that change something, in order.
		want []string
		// fails says that the script ends with an error.
		fails bool
	}{
		{"NVMe boot disk only", machine{disks: "/dev/nvme0n1 " + ebs, root: nvmeRoot}, nil, false},
		{"one instance store", machine{disks: "/dev/nvme0n1 " + ebs + "\n/dev/nvme1n1 " + store, root: nvmeRoot},
			using("/dev/nvme1n1"), false},
		{"many", machine{disks: "/dev/nvme0n1 " + ebs + "\n/dev/nvme1n1 " + store + "\n/dev/nvme2n1 " + store + "\n/dev/nvme3n1 " + store, root: nvmeRoot},
			using("/dev/nvme1n1", "/dev/nvme2n1", "/dev/nvme3n1"), false},
		{"the boot disk is not the first", machine{disks: "/dev/nvme0n1 " + store + "\n/dev/nvme1n1 " + ebs, root: "/dev/nvme1n1p1\n/dev/nvme1n1"},
			using("/dev/nvme0n1"), false},
		{"another EBS volume", machine{disks: "/dev/nvme0n1 " + ebs + "\n/dev/nvme1n1 " + ebs + "\n/dev/nvme2n1 " + store, root: nvmeRoot},
			using("/dev/nvme2n1"), false},
		{"an xvd boot disk beside NVMe", machine{disks: "/dev/xvda\n/dev/nvme0n1 " + store, root: "/dev/xvda1\n/dev/xvda"},
			using("/dev/nvme0n1"), false},
		{"xvd names", machine{disks: "/dev/xvda\n/dev/xvdb\n/dev/xvdc", root: "/dev/xvda1\n/dev/xvda", ephemeral: []string{"ephemeral0 sdb", "ephemeral1 xvdc"}},
			using("/dev/xvdb", "/dev/xvdc"), false},
		{"mapped, but not there", machine{disks: "/dev/xvda\n/dev/xvdb", root: "/dev/xvda1\n/dev/xvda", ephemeral: []string{"ephemeral0 sdb", "ephemeral1 sdc"}},
			using("/dev/xvdb"), false},
		{"xvd root only, nothing mapped", machine{disks: "/dev/xvda", root: "/dev/xvda1\n/dev/xvda"}, nil, false},
		{"metadata calls the boot disk ephemeral", machine{disks: "/dev/xvda", root: "/dev/xvda1\n/dev/xvda", ephemeral: []string{"ephemeral0 sda"}}, nil, false},
		{"the boot disk has the model of a store", machine{disks: "/dev/nvme0n1 " + store, root: nvmeRoot}, nil, false},
		{"no metadata service", machine{disks: "/dev/nvme0n1 " + ebs + "\n/dev/nvme1n1 " + store, root: nvmeRoot, failing: []string{"curl"}},
			using("/dev/nvme1n1"), false},
		{"the boot disk cannot be told", machine{disks: "/dev/nvme0n1 " + store, failing: []string{"findmnt"}}, nil, true},
		{"no mdadm, and none to be had", machine{disks: "/dev/nvme0n1 " + ebs + "\n/dev/nvme1n1 " + store + "\n/dev/nvme2n1 " + store, root: nvmeRoot,
			absent: []string{"mdadm"}, failing: []string{"dnf"}},
			append([]string{"systemctl stop docker.socket docker.service", "umount /dev/nvme1n1", "umount /dev/nvme2n1",
				"dnf --assumeyes --quiet install mdadm"}, using("/dev/nvme1n1")[2:]...), false},
		{"a disk that cannot be formatted", machine{disks: "/dev/nvme0n1 " + ebs + "\n/dev/nvme1n1 " + store, root: nvmeRoot, failing: []string{"mkfs.xfs"}},
			[]string{"systemctl stop docker.socket docker.service", "umount /dev/nvme1n1", "mkfs.xfs -f -L containers /dev/nvme1n1",
				"systemctl start --no-block docker.service ecs.service"}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			root, log, err := tt.m.run(t)
			if (err != nil) != tt.fails {
				t.Fatalf("the script: %v\n%s", err, log)
			}
			var got []string
			for _, line := range strings.Split(strings.TrimSpace(log), "\n") {
				command, _, _ := strings.Cut(line, " ")
				if slices.Contains([]string{"systemctl", "umount", "mdadm", "dnf", "mkfs.xfs", "mount"}, command) {
					got = append(got, strings.ReplaceAll(line, root, ""))
				}
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("commands\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(tt.want, "\n"))
			}
			config, err := os.ReadFile(root + "/etc/ecs/ecs.config")
			if err != nil && !tt.fails || err == nil && !strings.Contains(string(config), "ECS_CLUSTER=my-cluster\nECS_ENABLE_SPOT_INSTANCE_DRAINING=true\n") {
				t.Errorf("ecs.config: %v\n%s", err, config)
			}
			checkDataRoot(t, root, tt.want != nil && !tt.fails)
		})
	}
}

// using are the commands that put disks under the containers.
func using(disks ...string) []string {
	commands := []string{"systemctl stop docker.socket docker.service"}
	for _, d := range disks {
		commands = append(commands, "umount "+d)
	}
	device := disks[0]
	if len(disks) > 1 {
		device = "/dev/md0"
		commands = append(commands, "mdadm --create /dev/md0 --run --level=0 --raid-devices="+string(rune('0'+len(disks)))+" "+strings.Join(disks, " "))
	}
	return append(commands, "mkfs.xfs -f -L containers "+device,
		"mount -o noatime "+device+" /mnt/containers",
		"systemctl start --no-block docker.service ecs.service")
}

// checkDataRoot holds Docker's settings: the store is in them if it is used,
// and what was there before still is.
func checkDataRoot(t *testing.T, root string, used bool) {
	t.Helper()
	b, err := os.ReadFile(root + "/etc/docker/daemon.json")
	if err != nil {
		t.Fatal(err)
	}
	var settings map[string]any
	if err := json.Unmarshal(b, &settings); err != nil {
		t.Fatalf("daemon.json: %v\n%s", err, b)
	}
	if got := settings["data-root"] == root+"/mnt/containers/docker"; got != used {
		t.Errorf("data-root is %v", settings["data-root"])
	}
	if settings["live-restore"] != true {
		t.Errorf("daemon.json lost what it held: %s", b)
	}
	fstab, err := os.ReadFile(root + "/etc/fstab")
	if err != nil || strings.Contains(string(fstab), "LABEL=containers") != used {
		t.Errorf("fstab: %v\n%s", err, fstab)
	}
}

// run carries the script out with stubs of all commands that touch the
// machine on PATH, in a folder that stands in for /.
func (m machine) run(t *testing.T) (root, log string, err error) {
	t.Helper()
	root, bin := t.TempDir(), t.TempDir()
	for _, dir := range []string{"/etc/docker", "/mnt"} {
		if err := os.MkdirAll(root+dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for file, text := range map[string]string{"/etc/docker/daemon.json": `{"live-restore": true}`, "/etc/fstab": "", "/disks": m.disks, "/rootdisks": m.root} {
		if err := os.WriteFile(root+file, []byte(text+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	mapping := ""
	for _, e := range m.ephemeral {
		name, device, _ := strings.Cut(e, " ")
		mapping += "*/block-device-mapping/" + name + ") echo " + device + " ;;\n"
	}
	names := strings.Join(append([]string{"ami", "root"}, firstWords(m.ephemeral)...), "\\n")
	stubs := map[string]string{
		"lsblk":   `if [[ "$*" == *--inverse* ]]; then cat "$ROOT/rootdisks"; else cat "$ROOT/disks"; fi`,
		"findmnt": `head -n 1 "$ROOT/rootdisks"`,
		"curl": `case ${*: -1} in
			*/api/token) [[ "$*" == *"-X PUT"* ]] && echo token ;;
			*/block-device-mapping/) [[ "$*" == *"token: token"* ]] && printf '` + names + `\n' ;;
			` + mapping + `
			*) exit 22 ;;
			esac`,
		"systemctl": "", "umount": "exit 32", "mdadm": "", "dnf": "", "mkfs.xfs": "", "mount": "",
	}
	for name, body := range stubs {
		if slices.Contains(m.absent, name) {
			continue
		}
		if slices.Contains(m.failing, name) {
			body = "exit 1"
		}
		script := "#!/bin/bash\necho \"" + name + " $*\" >>\"$ROOT/log\"\n" + body + "\n"
		if err := os.WriteFile(filepath.Join(bin, name), []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	// Of this machine's own commands only those that touch nothing.
	for _, name := range []string{"bash", "cat", "grep", "sort", "head", "mkdir", "python3"} {
		path, err := exec.LookPath(name)
		if err != nil {
			t.Skipf("%s is not installed", name)
		}
		if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/bash\nPATH='"+os.Getenv("PATH")+"' exec "+path+" \"$@\"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("/bin/bash")
	cmd.Stdin = strings.NewReader(UserData("my-cluster"))
	cmd.Env = []string{"PATH=" + bin, "ROOT=" + root, "HOME=" + os.Getenv("HOME")}
	out, err := cmd.CombinedOutput()
	b, _ := os.ReadFile(root + "/log") // no command, no log
	t.Logf("output: %s", out)
	return root, string(b), err
}

func firstWords(lines []string) []string {
	var words []string
	for _, l := range lines {
		word, _, _ := strings.Cut(l, " ")
		words = append(words, word)
	}
	return words
}
