# Clones the repository $1 below the directory $2, pushes a commit, and tells that a second clone has it.
set -e
cd "$2"
git clone -q "$1" one
cd one
echo pushed >pushed
git add pushed
git -c user.name=Ada -c user.email=ada@example.test commit -q -m "Push"
git push -q origin HEAD:main
git clone -q "$1" ../two
cat ../two/pushed
